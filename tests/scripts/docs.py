#!/usr/bin/env python3
"""docs.py [--quick] [WORD ...]: is what the documents say true?

1. Both languages have the same headings, commands, figures, tables, options, footnotes; links lead somewhere; the
   options are those of server.exe --help, and the handout's steps those of a real run.
2. Every command in a block of a document that Wine can run is run as it is written: on Debian by sh, and those for
   Windows by Wine's cmd as well. Where a document shows the output, the command must have printed it: digits may
   differ, and lines that say "..." are skipped. At the end it says how many were run, and which were not.
3. Each exercise shows its symptom, its check is red with the bug, and green with the answer.

--quick leaves out the exercises, whose commands build a server each. With WORDs, only documents whose path has one of
them are run. Ports 9000 and 9001 must be free.
"""
import glob
import html
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAIRS = ["README", "docs/windows", "docs/chat", "docs/lecture", "docs/lessons", "docs/exercises", "docs/answers/answers"] + sorted(
    path[:-len(".ko.md")] for path in glob.glob("docs/steps/*.ko.md", root_dir=TOP))
ALIASES = "alias server.exe='sh tests/scripts/wine.sh server.exe' client.exe='sh tests/scripts/wine.sh client.exe'\n"
# Commands that the gate runs by itself, and those that need Windows; the documents say that the latter were not run.
ELSEWHERE = re.compile(r"(make|mingw32-make)( test| demo| check|-check)?$|mingw32-make (run|test|demo)|cl |dism |netsh |"
                       r"taskkill |exercises\\|build\\tests|git |sh tests/bench|make exercise-check")
ran = {"sh": 0, "cmd": 0}
not_run = {}  # command: why
SERVERS = re.compile(r"server\.exe|make (run|step|exercise) ?|2-many-clients\.exe")
failures = 0


def fail(where, text):
    global failures
    failures += 1
    print(f"docs: {where}: {text}")


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


# ---- the two languages ----

def split(text):
    """Returns the document's code blocks as (language, code), and its prose without them."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    return blocks, re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)


def numbers(prose):
    """Returns the numbers of two digits and more, except those in lists, links and names."""
    prose = re.sub(r"\]\([^)]*\)|https?://\S+", "", prose)
    return sorted(set(re.findall(r"(?<![\w.])\d[\d,.]*\d", prose)))


def sections(prose):
    return re.split(r"^#+ .*$", prose, flags=re.M)


def compare(name):
    english, korean = read(name + ".md"), read(name + ".ko.md")
    (blocks, prose), (ko_blocks, ko_prose) = split(english), split(korean)
    same = {
        "headings": lambda p: [len(mark) for mark in re.findall(r"^(#+) ", p, re.M)],
        "rows of tables": lambda p: [row.count("|") for row in re.findall(r"^\|.*\|$", p, re.M)],
        "options": lambda p: sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", p))),
        "pictures": lambda p: re.findall(r"!\[[^\]]*\]\(([^)]*)\)", p),
        "footnotes": lambda p: sorted(re.findall(r"^\[\^(\w+)\]:", p, re.M)),
    }
    for what, of in same.items():
        if of(prose) != of(ko_prose):
            fail(name, f"{what} differ between the languages: {of(prose)} and {of(ko_prose)}")
    for i, (mine, other) in enumerate(zip(sections(prose), sections(ko_prose))):
        if numbers(mine) != numbers(other):
            fail(name, f"figures of section {i} differ: {numbers(mine)} and {numbers(other)}")
    for (language, code), (ko_language, ko_code) in zip(blocks, ko_blocks):
        if language != ko_language or (language in ("bat", "sh") and code != ko_code):
            fail(name, f"code differs between the languages:\n{code}{ko_code}")
        elif language == "text" and name != "README" and code != ko_code:
            fail(name, f"output differs between the languages:\n{code}{ko_code}")
    if len(blocks) != len(ko_blocks):
        fail(name, f"{len(blocks)} code blocks in English, {len(ko_blocks)} in Korean")


def anchors(path):
    """Returns the headings' anchors, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", split(read(path))[1], re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_links(path):
    blocks, prose = split(read(path))
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", prose):
        if "://" in target:
            continue
        file = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
        if not os.path.exists(os.path.join(TOP, file)):
            fail(path, f"a link leads nowhere: {target}")
        elif anchor and file.endswith(".md") and anchor not in anchors(file):
            fail(path, f"a link leads to no heading: {target}#{anchor}")
    used, defined = set(re.findall(r"\[\^(\w+)\](?!:)", prose)), set(re.findall(r"^\[\^(\w+)\]:", prose, re.M))
    if used != defined:
        fail(path, f"footnotes without text or use: {used ^ defined}")


def write(path, text):
    with open(os.path.join(TOP, path), "w", encoding="utf-8") as file:
        file.write(text)


def wine(*arguments):
    return subprocess.run(["sh", "tests/scripts/wine.sh", *arguments], cwd=TOP, capture_output=True, text=True,
                          errors="replace", stdin=subprocess.DEVNULL).stdout.replace("\r", "")


def check_options():
    told = [line.strip() for line in wine("server.exe", "--help").splitlines() if line.startswith("  --")]
    for path in ("docs/windows.md", "docs/windows.ko.md"):
        for line in told:
            if line not in read(path):
                fail(path, f"an option of --help is missing or differs: {line}")


def check_handouts(output):
    """Checks that both are alike, and that a server has just printed what they show."""
    tags = [re.findall(r"<(/?\w+)", read(f"docs/handout.{language}.html")) for language in ("en", "ko")]
    if tags[0] != tags[1]:
        fail("docs/handout", "the two languages are not built alike")
    for language in ("en", "ko"):
        trace = re.findall(r'<table class="trace">.*?</table>', read(f"docs/handout.{language}.html"), re.S)[1]
        for step in re.findall(r"<tr><td><code>(.*?)</code>", trace):
            if not is_said(normal(html.unescape(step)), output):
                fail(f"docs/handout.{language}.html", f"no server says: {html.unescape(step)}")


# ---- commands ----

def normal(line):
    """Returns the line without the parts that differ from run to run."""
    return re.sub(r"\s+", " ", re.sub(r"\d[\d,.]*", "#", line)).strip()


def is_said(line, said):
    """Returns true if the line was printed. A document may leave off a line's end, and so may the
    server, whose lines end at 99 columns."""
    return line in said or any(other.startswith(line) or (len(other) > 60 and line.startswith(other)) for other in said)


class Program:
    """A command that is running, with its output in a file."""

    def __init__(self, shell, line):
        self.out = open(os.path.join(TOP, "build", f"docs-{len(running)}.txt"), "w+b")
        if shell == "sh":
            command = ["sh", "-c", ALIASES + line]
        else:
            command = ["sh", "tests/scripts/wine.sh", "cmd", "/d", "/c", line]
        self.line = line
        self.process = subprocess.Popen(command, cwd=TOP, stdin=subprocess.PIPE, stdout=self.out, stderr=self.out,
                                        start_new_session=True)
        running.append(self)

    def output(self):
        self.out.flush()
        text = b""
        for name in [self.out.name] + re.findall(r">(\w+\.txt)$", self.line):
            if os.path.exists(os.path.join(TOP, name)):  # the shell creates the one that is named in the line
                with open(os.path.join(TOP, name), "rb") as file:
                    text += file.read()
        return text.decode(errors="replace").replace("\r", "")

    def type(self, text):
        try:
            self.process.stdin.write(text)
            self.process.stdin.flush()
        except OSError:
            pass  # it has ended

    def end(self, seconds):
        try:
            self.process.stdin.close()
        except OSError:
            pass
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def signal(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass  # it has ended

    def stop(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.signal(number)
            try:
                self.process.wait(6)
            except subprocess.TimeoutExpired:
                continue


running = []


def port_of(line):
    found = re.search(r"\b(9\d\d\d)\b", line)
    return int(found.group(1)) if found else 9000


def until(true, seconds):
    end = time.time() + seconds
    while not true() and time.time() < end:
        time.sleep(0.1)
    return true()


def is_free(port):
    with socket.socket(socket.AF_INET6) as probe:
        return probe.connect_ex(("::ffff:127.0.0.1", port)) != 0


def run_line(where, shell, line):
    """Starts a server or a client; one that ends by itself has ended when this returns."""
    if SERVERS.match(line):
        if not until(lambda: is_free(port_of(line)), 60):
            fail(where, f"port {port_of(line)} is in use: {line}")
        server = Program(shell, line)
        if not until(lambda: "listening on" in server.output() or server.process.poll() is not None, 90):
            fail(where, f"does not listen: {line}")
        time.sleep(0.2)
        return
    client = Program(shell, line)
    if "|" not in line and ("--crowd" in line or re.fullmatch(r"client\.exe( \S+)?( \d+)?", line)):
        until(lambda: "are held" in client.output(), 10 if "--crowd" in line else 0.7)
        if "--crowd" not in line:
            client.type(b"hello\r\n")  # as a console sends it
            time.sleep(0.6)
        return  # it stays until the end of the block
    if client.end(15 if "exercises" in where else 60) is None:
        client.stop()
        if "exercises" not in where:
            fail(where, f"does not end: {line}")


def run_block(where, shell, code):
    """Runs the block's commands. Returns what all of them said, as normal lines."""
    running.clear()
    for line in code.splitlines():
        line = line.split("#")[0].strip()
        if ELSEWHERE.match(line):
            not_run[line] = "the gate runs it, or it needs Windows"
        elif line and not line.startswith("alias "):
            print(f"  {shell}: {line}", flush=True)
            ran[shell] += 1
            run_line(where, shell, line)
    for program in running[1:] + running[:1]:  # clients first, and the server, which is first in the list, at the end
        if SERVERS.match(program.line):
            time.sleep(0.4)
            program.signal(signal.SIGINT)
            until(lambda: "stopped: " in program.output() or program.process.poll() is not None, 6)
            until(lambda: "stopped: " in program.output(), 0 if program.process.poll() is None else 2)
            program.stop()
        elif program.process.poll() is None:
            program.type(b"\n" if "--crowd" in program.line else b"")
            if program.end(10) is None:
                program.stop()
    for program in running:
        output = program.output()
        if SERVERS.match(program.line) and "step" not in program.line and "exercises" not in where \
                and "stopped: " not in output:
            fail(where, f"was not stopped by Ctrl+C: {program.line}\n{output[-600:]}")
    lines = {normal(re.sub(r"^ *\d+ (?=main|proactor)", "", line)) for program in running
             for line in program.output().splitlines()}
    return lines | {re.sub(r"^(main|proactor #)( #\d*| ##?)? ", "", line) for line in lines}


def run_document(path, everything):
    """Runs each bat block in both shells, each sh block in sh, and compares the text block after it, if there is one."""
    blocks, _ = split(read(path))
    for i, (language, code) in enumerate(blocks):
        for shell in {"bat": ("sh", "cmd"), "sh": ("sh",)}.get(language, ()):
            wanted = [line for line in code.splitlines() if line.strip()
                      and not (shell == "cmd" and line.startswith("make "))]
            if shell == "cmd" and any(line.startswith("make ") for line in code.splitlines()):
                for line in wanted:
                    if not ELSEWHERE.match(line):
                        not_run["cmd: " + line] = "its block needs make, which windows-check tries from cmd"
                continue
            said = run_block(path, shell, "\n".join(wanted))
            everything |= said
            if path == "docs/exercises.md" and "make exercise N" in code and "client.exe" in code:
                check_seen(code)
            shown = blocks[i + 1][1].splitlines() if i + 1 < len(blocks) and blocks[i + 1][0] == "text" else []
            if not running or "README" in path or "exercises" in path:
                continue
            for line in shown:
                line = normal(re.sub(r"^ *\d+ (?=main|proactor)", "", line))
                if line and line != "..." and not is_said(line, said):
                    fail(path, f"{shell} does not show: {line}\n      after: {code}")


# ---- the exercises ----

# What each exercise promises to show, in the output of its server.
SEEN = {
    1: lambda said: "Assertion failed: proactor->noc <= GROUP_SESSIONS" in said,
    2: lambda said: "WSA_IO_PENDING" in said and "e_arr[2], so s_arr[2]" not in said,
    3: lambda said: said.count("0 bytes: the client will send no more") > 100,
    4: lambda said: "WSAWaitForMultipleEvents failed in group 1: WSA_INVALID_HANDLE (6)" in said,
    5: lambda said: "Assertion failed: !session->sending" in said,
    6: lambda said: re.search(r"thread \d+ #1 WSARecv", said) and "WSA_OPERATION_ABORTED (995)" in said
    and "closesocket()" not in said.split("ABORTED")[0],
    7: lambda said: any(said.split(f"{session} migrates", 1)[1].count(f"{session} ") < 20 for session in
                        re.findall(r"(#\d+) migrates to group 2", said)),
    8: lambda said: "CancelIoEx() -> TRUE" in said and "complete at last" not in said,
    9: lambda said: "echo server" in said,
    10: lambda said: "echo server" in said,
}


def check_seen(code):
    """Checks the output. The clients have ended in order, the first one first; so in exercise 4 the second is left alone."""
    number = int(re.search(r"N=(\d+)", code).group(1))
    said = re.sub(" +", " ", running[0].output())
    if "exercise-check" not in code and not SEEN[number](said):
        fail(f"docs/exercises.md, {number}", f"one does not see it:\n{running[0].output()[-2000:]}")


def check_answers():
    """Tests that the check of each exercise is red with the bug or without the handler, and green with the answer."""
    for number in range(1, 11):
        copy = f"build/exercise-{number}"
        shutil.rmtree(copy, ignore_errors=True)
        for solved in (False, True):
            for words in (["plant", str(number)], ["answer", str(number), copy])[:1 + solved]:
                subprocess.run(["sh", "tests/scripts/exercise.sh", *words], stdout=subprocess.DEVNULL, check=True)
            start = time.time()
            result = subprocess.run(["sh", "tests/scripts/exercise.sh", "check", str(number)], capture_output=True,
                                    text=True, errors="replace")
            green = result.returncode == 0
            print(f"  exercise {number}, {'solved' if solved else 'not solved'}: {'green' if green else 'red'}, "
                  f"{time.time() - start:.0f} s", flush=True)
            if green != solved or (not solved and number < 9 and "The rule: " not in result.stdout):
                fail(f"exercise {number}", result.stdout[-2000:] + result.stderr[-2000:])
        shutil.rmtree(copy, ignore_errors=True)


def tell_commands():
    print(f"{ran['sh']} commands run by sh, {ran['cmd']} by Wine's cmd; {len(not_run)} were not:")
    for why in sorted(set(not_run.values())):
        print(f"  {why}: " + "; ".join(line for line in not_run if not_run[line] == why))


def main():
    os.chdir(TOP)
    for name in ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "ARGS"):
        os.environ.pop(name, None)  # set by the make that started this script; must not reach its own makes
    words = [word for word in sys.argv[1:] if word != "--quick"]
    for name in PAIRS:
        compare(name)
    documents = sorted(glob.glob("*.md") + glob.glob("docs/**/*.md", recursive=True) + ["tests/README.md"])
    for path in documents:
        check_links(path)
    check_options()
    print(f"{len(documents)} documents, {len(PAIRS)} of them in both languages: {failures} faults")
    everything = set()
    for path in documents:
        if path.endswith(".ko.md") or (words and not any(word in path for word in words)):
            continue  # the commands are the same
        if "--quick" in sys.argv and ("exercises" in path or "answers" in path):
            continue
        print(path, flush=True)
        run_document(path, everything)
    if "--quick" not in sys.argv and (not words or "exercises" in words):
        check_answers()
    if not words:
        check_handouts(everything)
    for name in ("trace.json", "trace.txt"):  # a lesson's, and an exercise's
        if os.path.exists(name):
            os.remove(name)
    tell_commands()
    print(f"docs: {failures} faults")
    sys.exit(1 if failures else 0)


main()
