"""The phrases that short sound documents are made of, and recipes and code of any length."""

UNITS = ("g", "kg", "ml", "tbsp", "tsp", "cups", "slices", "pinch of", "cloves of", "l", "oz", "EL", "cuillères de")
FOODS = (
    *(
        "flour",
        "butter",
        "sugar",
        "onions",
        "lentils",
        "rye flour",
        "salt",
        "olive oil",
        "eggs",
        "plums",
        "rice",
        "leeks",
    ),
    *(
        "leeks",
        "carrots",
        "yeast",
        "milk",
        "tomatoes",
        "Kartoffeln",
        "beurre",
        "farine",
        "pepper",
        "chickpeas",
        "cinnamon",
    ),
    "water",
)
STEPS = (
    "Heat the {a} in a heavy pan and add the {b}.",
    "Mix the {a} with the {b} and leave it to rest for {n} minutes.",
    "Bake at {t} °C for {n} minutes, until the top is brown.",
    "Stir in the {a}, cover, and cook gently for {n} minutes.",
    "Slice the {a} thinly and lay it over the {b}.",
    "Season, and serve with {a} while it is hot.",
    "Drain the {a}, keeping a cup of the water.",
    "Knead the dough until it no longer sticks, then shape it into {n} rolls.",
)
CODE = (
    "def {a}({b}, {c}=None):\n    {d} = [{b} for {b} in {c} if {b}]\n    return {d}\n",
    "for {a} in range(len({b})):\n    if {b}[{a}] > {n}:\n        {c} += {b}[{a}]\nprint({c})\n",
    "class {A}:\n    def __init__(self, {b}):\n        self.{b} = {b}\n\n"
    "    def {c}(self):\n        return self.{b} * {n}\n",
    "function {a}({b}) {{\n  const {c} = {b}.map(x => x.{d});\n  return {c}.length > {n};\n}}\n",
    "int {a}(const char *{b}, size_t {c}) {{\n    for (size_t i = 0; i < {c}; i++)\n"
    "        if ({b}[i] == '{n}') return i;\n    return -1;\n}}\n",
    "SELECT {a}, count(*) AS {b}\nFROM {c}\nJOIN {d} ON {d}.id = {c}.{d}_id\nWHERE {c}.{a} > {n}\nGROUP BY {a};\n",
    'if [ -z "${a}" ]; then\n  echo "no {b}" >&2\n  exit {n}\nfi\ngrep -c \'{c}\' {d}.txt | sort -n\n',
    '[{a}]\n{b} = {n}\n{c} = "{d}"\nenabled = true\n',
    "public {A} {b}(int {c}) {{\n    {A} {d} = new {A}({c});\n    {d}.set{A}({n});\n    return {d};\n}}\n",
)
SHORT_CODE = (
    "{a} = {b} + {c}\nprint({a} / {n})",
    "sort {a}.txt | uniq -c | head -n {n}",
    "git checkout -b {a}\ngit add {b}.py",
    "let {a} = {b}.filter(x => x > {n});",
    "tar -xzf {a}.tar.gz\ncd {a}\nmake && make test",
    "import {a}\n\n{b} = {a}.read('{c}.csv')\nassert len({b}) == {n}",
)
NAMES = ("Anna", "Mr Lund", "Tomás", "Mei", "Ruth Adeyemi", "Paul", "Farida", "J. Okafor", "Lucie", "Henrik", "my aunt")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
QUESTIONS = (
    *("What is {word}?", "Why is that so?", "How does {word} work?", "What does {word} mean?", "Who was {name}?"),
    *("When should one use {word}?", "Is {word} worth it?", "What happened to {word} in {year}?", "Was ist {word}?"),
    *("Does anyone know about {word}?", "Warum ist das so?", "Qu'est-ce que {word} ?", "¿Qué es {word}?"),
)
CAPTIONS = (
    *("Figure {n}. {said}", "Fig. {n}: {said}", "{said} Photo: {name}", "{said} ({year})", "Table {n}. {said}"),
    *("Plate {n}. {said} Drawing by {name}, {year}.", "Abb. {n}: {said}", "Above: {said}", "Map {n}. {said}"),
)
QUOTES = (
    *("“{said}” ({name})", "“{said}” {name} said.", "{name} writes: “{said}”", "“{said}”\n\n{name}, {year}"),
    *("As {name} put it in {year}: {said}", "{name} sagte: „{said}“", "« {said} » ({name})"),
)
LETTERS = (
    "Dear {name},\n{said}\nYours, {other}",
    "Hi {name}, {said} Thanks! {other}",
    "Hello all,\n\n{said}\n\nBest wishes\n{other}",
    "Liebe {name}, {said} Viele Grüße, {other}",
    "{name}: {said}\n{other}: I think so too.",
)
DEFINITIONS = (
    *("{word}: {said}", "{word} (noun): {said}", "{word}, {year}. {said}", "Definition. {said}", "{word} = {said}"),
    *("Lemma {n}. {said}", "Note: {said}", "Step {n}. {said}", "Rule {n}: {said}", "{year}: {said}", "{word} – {said}"),
)
COMMITS = (
    "Fix {word} when {other_word} is empty",
    "Add a test for {word} in {other_word}",
    "Remove unused {word}",
    "Rename {word} to {other_word}, since it no longer returns a list",
    "Do not read {word} twice",
    "{word}: handle {n} {other_word} without a copy",
    "Version {n}.{n}: {word} is faster, and {other_word} may be empty.",
    "Revert the change of {word}, which broke {other_word}.",
)
NOTICES = (
    "The {word} is closed from {n} to {m} {month} because of repairs. It opens again on {day}.",
    "Our meeting on {day} begins at {m} o'clock. Please bring the {word} with you.",
    "The road to {place} will be closed on {day} between {n} and {m} o'clock. A detour is signposted.",
    "{place} will have no water on {day} morning, as pipes are being replaced.",
    "Found on {day} near {place}: a {word}. It can be fetched at the town hall.",
    "The concert in {place} had to be moved to {day}. Tickets stay valid, or can be returned until {n} {month}.",
    "From {month} on, buses to {place} run every {m} minutes until late in the evening.",
    "Children under {n} swim free on {day}. The lifeguards ask parents to stay near the pool.",
    "{name} will speak about {word} on {day}, {n} {month}, in the library of {place}. All are welcome.",
    "Am {n}. {m}. bleibt das Rathaus geschlossen. Ab {day} sind wir wieder für Sie da.",
    "Le marché de {place} aura lieu samedi matin sur la grande place, même en cas de pluie.",
    "La biblioteca de {place} abre los sábados de {n} a {m} durante todo el verano.",
)
FACTS = (
    "{place} has {m}00 inhabitants, a church of {year}, and a market on {day}. The river floods it in {month}.",
    "In {year} a fire destroyed half of {place}. It was rebuilt in stone, with wider streets.",
    "The number {n} times {m} is less than a thousand, so three digits are enough for the result.",
    "{name} was born in {place} in {year} and worked there as a teacher until the war.",
    "It rained for {n} days in {month}, and the potatoes rotted in the fields around {place}.",
    "We walked from {place} in {n} hours. The path is steep at first, then level, and there is a spring half way.",
    "A {word} should be kept dry and out of the sun. It lasts about {m} years.",
    "Sow in {month}, {n} cm deep, and thin the rows when the second pair of leaves appears.",
    "The function returns {n} if {word} is missing. It never changes its argument.",
    "I have used this {word} for {n} years. The handle came loose once, otherwise it has served me well.",
    "To change the {word}, loosen the {m} screws, lift the cover, and note how the old one was fitted.",
    "Water boils at a lower temperature on a mountain, because the air presses less on it.",
    "The {word} lives in wet meadows from {month} on and lays up to {m} eggs.",
    "Im Jahr {year} wurde die Brücke bei {place} gebaut. Sie hat {n} Bögen und trägt noch heute die Straße.",
    "En {year}, le village de {place} comptait {m} maisons et une école.",
    "En {place} llueve poco en verano, por eso las casas tienen patios con agua.",
    "Nel {year} la valle di {place} fu unita alla pianura da una strada di {m} chilometri.",
    "In {place} staan {n} oude molens; een daarvan maalt nog elke {m} dagen.",
)
PLACES = (
    "Aldmoor",
    "Brennick",
    "Castello",
    "Dunhaven",
    "Eschental",
    "Farnes",
    "Grantley",
    "Holm",
    "Ilmenau",
    "Jouarre",
)
MONTHS = ("January", "March", "April", "May", "June", "August", "September", "October", "November")
