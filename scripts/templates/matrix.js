// The page is complete without this: it only hides rows that were not asked for.
{
  const form = document.getElementById("filter"), all = document.getElementById("all");
  const rows = [...document.querySelectorAll("#matrix .row")];
  const texts = new Map(rows.map(row => [row, row.textContent.toLowerCase()]));
  const words = value => value.split(" ").filter(Boolean);
  const apply = () => {
    const wanted = Object.fromEntries(new FormData(form));
    const text = words(wanted.text.toLowerCase()), groups = new Set();
    let shown = 0;
    for (const row of rows) {
      const fits = (!wanted.level || row.dataset.level === wanted.level)
        && (!wanted.group || row.dataset.group === wanted.group)
        && (!wanted.verdict || words(row.dataset.verdicts).includes(wanted.verdict))
        && text.every(word => texts.get(row).includes(word));
      row.hidden = !fits;
      if (fits) { shown++; groups.add(row.dataset.group); }
    }
    for (const group of document.querySelectorAll("#matrix .group"))
      group.hidden = !groups.has(group.dataset.group);
    form.querySelector("output").value = `${shown} of ${rows.length} checks`;
  };
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && all.contains(target)) { all.open = true; form.reset(); target.scrollIntoView(); }
  };
  form.addEventListener("input", apply);
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", event => event.preventDefault());
  addEventListener("hashchange", reveal);
  form.hidden = false;
  apply();
  reveal();
}
