# SPDX-License-Identifier: MIT
import time; ENTERED = time.monotonic_ns()  # noqa: E702 - before anything else is loaded

# python.py - the payload that is the user's own Python: loads what the scenario names, then takes
# the role that $SM_JOB names (sm_role() in spawnmark.h). Its start-up is what is measured, hence
# it imports nothing for itself but time, sys and ctypes.
#
#   INTERPRETER python.py --lib LIBSPAWNMARK [--preamble CODE] [--imports 'MODULE MODULE...']
#                         [--work EXPR] [--check EXPR] [-- ARGUMENT...]
#
# Preamble, imports, work and check share one namespace; the work's result is `_`, and check must
# be true. `request_args()` gives the arguments of the request that the child serves. Without a job
# it does the work once and exits.
import ctypes
import sys

WORK = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
HOOK = ctypes.PYFUNCTYPE(None)


class Payload(ctypes.Structure):
    """struct sm_payload; the library refuses another size."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("work", WORK),
        ("check", WORK),
        ("before_fork", ctypes.c_void_p),
        ("after_fork_parent", ctypes.c_void_p),
        ("after_fork_child", ctypes.c_void_p),
        ("arg", ctypes.c_void_p),
        ("before_serve", HOOK),
    ]


def usage(text):
    print(f"python.py: {text}", file=sys.stderr)
    sys.exit(2)


def parse(argv):
    """The options by hand: argparse takes longer to load than the whole of ctypes."""
    known = ("--lib", "--preamble", "--imports", "--work", "--check")
    options = dict.fromkeys(known, "")
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            break
        if word not in known:
            usage(f"unknown option {word!r}; known are {', '.join(known)}")
        if not rest:
            usage(f"{word} needs a value")
        options[word] = rest.pop(0)
    if not options["--lib"]:
        usage("--lib is missing: the path of libspawnmark.so")
    return options, rest


def load_library(path):
    try:  # PyDLL: keeps the GIL, which the fork hooks and the callbacks need
        library = ctypes.PyDLL(path)
    except OSError as error:
        usage(f"cannot load the library: {error}; `make` builds it")
    library.sm_entered_at.argtypes = [ctypes.c_int64]
    library.sm_entered_at.restype = None
    library.sm_role.argtypes = [ctypes.c_char_p, ctypes.POINTER(Payload)]
    library.sm_role.restype = ctypes.c_int
    library.sm_child_args.argtypes = []
    library.sm_child_args.restype = ctypes.POINTER(ctypes.c_char_p)
    return library


def never_raising(function):
    """ctypes turns an exception of a callback into 0, which would be success."""

    def call(_arg):
        try:
            return function()
        except BaseException:  # SystemExit and KeyboardInterrupt as well
            sys.excepthook(*sys.exc_info())
            flush()
            return 1

    return WORK(call)


def flush():
    """A cloned child ends by _exit(2): nobody else writes what is still in the buffers."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def fork_hook(name):
    return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value


def before_serve():
    """What lives now lives on in every child: no collection there is to write into its pages."""
    import gc  # part of the interpreter: loads nothing

    gc.collect()
    gc.freeze()


def make_payload(space, work_code, check_code, check_text):
    def work():
        space["_"] = eval(work_code, space)
        return 0

    def check():
        good = eval(check_code, space)
        if not good:
            print(f"python.py: check failed: {check_text}; the result is {space['_']!r}",
                  file=sys.stderr)
        flush()
        return 0 if good else 1

    return Payload(
        size=ctypes.sizeof(Payload),
        work=never_raising(work),
        check=never_raising(check),
        before_fork=fork_hook("PyOS_BeforeFork"),
        after_fork_parent=fork_hook("PyOS_AfterFork_Parent"),
        after_fork_child=fork_hook("PyOS_AfterFork_Child"),
        before_serve=HOOK(before_serve),
    )


def load(argv):
    """All that a child needs. Returns the library and the payload for its sm_role()."""
    options, own_args = parse(argv)
    library = load_library(options["--lib"])

    def request_args():
        if own_args:
            return own_args
        found, args = library.sm_child_args(), []
        while found[len(args)] is not None:
            args.append(found[len(args)])
        return [arg.decode(errors="surrogateescape") for arg in args]

    space = {"__name__": "__main__", "request_args": request_args}
    if options["--preamble"]:
        exec(compile(options["--preamble"], "<preamble>", "exec"), space)
    for name in options["--imports"].split():
        space[name.partition(".")[0]] = __import__(name)
    work_code = compile(options["--work"].strip() or "None", "<work>", "eval")
    check_code = compile(options["--check"].strip() or "True", "<check>", "eval")

    flush()  # or every clone would print it again
    return library, make_payload(space, work_code, check_code, options["--check"])


def main():
    library, payload = load(sys.argv[1:])
    library.sm_entered_at(ENTERED)
    status = library.sm_role(None, ctypes.byref(payload))
    if status < 0:
        usage("$SM_JOB names no job of this payload; see sm_role() in spawnmark.h")
    return status


if __name__ == "__main__":  # a host may load it into a server of its own (hosts/cpython.py)
    sys.exit(main())
