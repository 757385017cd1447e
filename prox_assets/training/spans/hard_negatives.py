"""Hard negatives: templates of sentences with spans that look like noise, which a model must leave alone."""

import random
import re

# Fields: "{w}" a word, "{W}" a capitalised word, "{n}" a small number, "{v}" a variable, "{d}" a host, "{m}" a month,
# "{p}" a person.
_TEMPLATES = (
    # URLs that instructions, code and settings need
    "Open http://localhost:{n}000/{w} in your browser to see the {w} page.",
    "By default the server listens on http://127.0.0.1:80{n}0 and logs to the console.",
    "Set the base address to https://example.com/{w}/v{n} before you call the {w} method.",
    "curl -sSL https://{d}/{w}/install.sh | sh",
    "git clone https://{d}/{w}/{w}.git && cd {w}",
    '{v} = fetch("https://{d}/api/{w}?page={n}")',
    "The namespace http://www.{d}/2000/{w} identifies elements of the {w} schema.",
    "Run pip install --index-url https://{d}/simple {w} to get the {w} package.",
    "Enter https://{d}/{w} in the address field and press the connect button.",
    "Requests to `https://{d}/v{n}/{w}` return a list of {w} objects.",
    "The callback URL must be https://{d}/{w}/callback, or the login fails.",
    "wget http://{d}/{w}-{n}.{n}.tar.gz",
    'The attribute href="https://{d}/{w}" points to the {w} of the document.',
    # addresses
    "Write to {w}@example.com if the {w} does not arrive within {n} days.",
    "From: {p} <{w}@{d}>",
    'git config --global user.email "{w}@{d}"',
    "For questions about the {w}, please contact {w}@{d} during office hours.",
    "The command accepts user names such as {w}@{d} and plain numbers.",
    # brackets that are not citation marks
    "The value of {v}[{n}] is copied before {v}[{n}] is overwritten.",
    "In the loop, a[{n}] holds the {w} and b[{n}] the count of every {w}.",
    "for item in items[{n}]: print(item[0])",
    "The variable is uniform on the interval [0, {n}], so its mean lies in the middle.",
    "Probabilities lie in [0, 1] and sum to one over all classes.",
    "Let x be a point of the closed interval [{n}, {n}9] and f a continuous function.",
    "{v} = [1, 2, {n}] makes a list of three {w} numbers.",
    "“{W}[s] are what keep[s] this town alive,” the mayor said about the {w}.",
    "“[T]he {w} was never meant to last,” {p} wrote in {m}.",
    "The array argv[1] holds the name of the {w} file.",
    "The area of the {w} is {n}00 m², about the size of a tennis court.",
    "The curve y = x² + {n}x meets the axis at two points.",
    "Density is given in kg/m³ and speed in m/s, as usual in the {w} trade.",
    "[{n}] {p}, “On the {w},” Journal of {W} Studies, vol. {n}, 20{n}{n}.",
    "See git-{w}[1] for the meaning of the {w} option.",
    # widget words in sentences
    "We all share this {w} with people who came here long before us.",
    "The two species share this habitat with {n} kinds of birds.",
    "Companies post on Facebook and Twitter to reach younger buyers.",
    "She used to tweet this kind of {w} every morning before breakfast.",
    "You can share on any platform that supports the {w} format.",
    "Market share: the {w} sector holds {n} percent of all sales.",
    "The post drew {n}00 comments and started a debate about the {w}.",
    "The video reached {n},000 views in its first week, a record for the {w}.",
    "Whether you like us on Facebook or not, the {w} opens at nine.",
    "Networks such as Facebook Twitter Reddit compete for the same attention.",
    "Please leave a comment in the source code whenever you change the {w}.",
    "His followers pin it to the wall and light a candle for the {w}.",
    "To send the page, choose Share via Email from the File menu.",
    # advertising as a subject
    "The magazine sold every advertisement on its back cover for {n} years.",
    "Advertisement revenue of the {w} fell by {n} percent in {m}.",
    "The report separates sponsored content from news about the {w}.",
    "She turned down a paid partnership with a {w} brand.",
    "The upgrade lets you remove ads and add your own {w}.",
    "Promoted to captain in {m}, {p} led the {w} for {n} seasons.",
    "Sponsored by the {w} guild, the fair attracts {n}000 visitors a year.",
    "The story continues with the return of the {w} to its village.",
    "Scroll to continue until you reach the {w} section, then select Save.",
    # separators that carry meaning
    "| --- | ----: | :---- | --- |",
    "|-------|--------|------|",
    "+--------+-------+",
    "# ---- {w} settings ----",
    "// ========== {w} ==========",
    "$ cat {w}.txt | grep {w} | | wc -l",
    "if {v} == {n} ||| {v} > {n}0:",
    "/* ------- {w} ------- */",
    # actions that a text describes
    "To open the settings, click here with the right button and choose Properties.",
    "If the {w} does not load, click here again after {n} seconds.",
    "Read more books about the {w} and fewer headlines, she advises.",
    "See all of the {w} from the tower in the evening light.",
    "Learn more words every day and your {w} improves.",
    "The button reads Sign up now and takes visitors to the {w} form.",
    "Children who read more learn more, according to {p}.",
    "Buy now, pay later offers have grown by {n} percent since {m}.",
    "Press play video to start, then wait until the {w} appears.",
    "They continue reading below the surface of the {w}, {p} says.",
    # notes and brackets
    "The form (PDF) must be signed and returned to the {w} office by {m}.",
    "Each node has a [link] to its parent and a list of {w} children.",
    "The menu entry opens in a new window so that the {w} stays visible.",
    "Options in [show] brackets may be left out of the {w} command.",
    # pictures and agencies as subjects
    "Image: the function maps each element of the {w} to one of the target set.",
    "Photo: a picture taken with a camera, from the Greek word for light.",
    "The picture by {p} hangs in the {w} museum since {m}.",
    "Getty Images sued the maker of the {w} over {n} million pictures.",
    "Credit: up to {n} points for each {w} that you solve.",
    "Set image: {w}/{w}:{n} in the container section.",
    # dates that belong to the text
    "The treaty was published on {m} {n}, 19{n}4 and changed the {w} trade.",
    "The first edition, published {m} {n}, 18{n}2, sold out within a week.",
    "He posted on {m} {n}, 20{n}1 that the {w} would close for good.",
    "The law was last updated on {m} {n}, 20{n}0, when the {w} tax was added.",
    "The rules were updated {n} years ago to cover the {w} industry.",
    "The {w} posted {n}:{n}5 in the final, a personal best.",
    # pointers that explain
    "MORE: an acronym for Measured Output of Renewable Energy.",
    "The label READ: means that the {w} is in input mode.",
    "WATCH: a small clock that is worn on the wrist.",
)
_FIELD = re.compile(r"\{(\w)\}")
_WORDS = (
    *("river", "lamp", "copper", "filter", "bridge", "record", "sample", "village"),
    *("train", "winter", "signal", "pepper", "kernel", "module", "garden", "letter"),
    *("battery", "parser", "canal", "orchard", "tenant", "glacier", "schema", "ticket"),
    *("violin", "harbour"),
)
_PEOPLE = ("Grace Lindqvist", "Omar Haddad", "Helen Ward", "Jin Park", "Rosa Delgado")
_HOSTS = ("dl.cloudbox.io", "api.gridworks.net", "repo.openharbor.org", "code.riverlab.dev", "www.lumen-tools.org")
_MONTHS = ("January", "March", "April", "June", "August", "October", "November")


def hard_negative(rng: random.Random) -> str:
    """Return a random sentence, line of code or table row in which nothing is noise."""
    values = {
        "w": lambda: rng.choice(_WORDS),
        "W": lambda: rng.choice(_WORDS).title(),
        "n": lambda: str(rng.randint(2, 9)),
        "v": lambda: rng.choice(("a", "rows", "data", "result", "x", "items", "buf")),
        "d": lambda: rng.choice(_HOSTS),
        "m": lambda: rng.choice(_MONTHS),
        "p": lambda: rng.choice(_PEOPLE),
    }
    return _FIELD.sub(lambda match: values[match.group(1)](), rng.choice(_TEMPLATES))
