// The page is complete without this: it only makes tables sort and rows disappear.
{
  const SCALE = {ns: 1e-9, "µs": 1e-6, ms: 1e-3, s: 1, B: 1, kB: 1e3, MB: 1e6, GB: 1e9,
    k: 1e3, M: 1e6, G: 1e9};
  const NUMBER = /^[~≥≤+]?\s*([-−]?\d[\d.]*)(?:\s*(ns|µs|ms|s|B|kB|MB|GB|[kMG])(?![\wµ]))?/;
  const FEWEST = 6;  // rows that a filter is worth it for

  const cell = (row, column) => {
    let at = 0;
    for (const c of row.cells) if ((at += c.colSpan) > column) return c;
  };
  const text = (row, column) => cell(row, column)?.textContent.trim() ?? "";
  const number = said => {
    const found = NUMBER.exec(said);
    return found ? parseFloat(found[1].replace("−", "-")) * (SCALE[found[2]] ?? 1) : null;
  };
  const isNothing = said => said === "" || said === "–";

  // What is nothing stays last, whichever way the rest is sorted.
  const sorted = (rows, column, sign) => {
    const keys = new Map(rows.map(row => [row, text(row, column)]));
    const some = rows.filter(row => !isNothing(keys.get(row)));
    const numeric = some.every(row => number(keys.get(row)) !== null);
    const order = (a, b) => numeric ? number(a) - number(b)
      : a.localeCompare(b, undefined, {numeric: true});
    some.sort((a, b) => sign * order(keys.get(a), keys.get(b)));
    return [...some, ...rows.filter(row => isNothing(keys.get(row)))];
  };

  const sortable = table => {
    const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (!head.textContent.trim()) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const next = {none: "ascending", ascending: "descending"}[head.ariaSort ?? "none"] ?? "none";
        for (const other of heads) other.ariaSort = null;
        if (next !== "none") head.ariaSort = next;
        body.append(...next === "none" ? rows
          : sorted(rows, column, next === "ascending" ? 1 : -1));
      });
    });
  };

  const filterable = (table, name) => {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < FEWEST) return;
    const label = document.createElement("label");
    label.className = "filter";
    const input = document.createElement("input"), output = document.createElement("output");
    input.type = "search";
    input.placeholder = "filter rows";
    label.append(input, output);
    input.setAttribute("aria-label", `filter rows: ${name}`);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(" ").filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        row.hidden = !words.every(word => row.textContent.toLowerCase().includes(word));
        shown += !row.hidden;
      }
      output.value = words.length ? `${shown} of ${rows.length}` : "";
    });
    (table.closest(".wide") ?? table).before(label);
  };

  const titles = [...document.querySelectorAll("main h2, main h3, main summary, main table")];
  let title = "";
  for (const element of titles) {
    if (element.tagName !== "TABLE") title = element.textContent.trim();
    else if (element.tHead && element.tBodies[0]?.rows.length > 1) {
      sortable(element);
      filterable(element, title);
    }
  }
  // A link into what is folded unfolds it.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let e = target; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
  };
  addEventListener("hashchange", reveal);
  reveal();
}
