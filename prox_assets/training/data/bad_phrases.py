"""The phrases that synthetic bad documents are made of."""

ERRORS: tuple[tuple[int, str], ...] = (
    *((404, "Page not found"), (403, "Forbidden"), (500, "Internal Server Error"), (502, "Bad Gateway")),
    *((503, "Service temporarily unavailable"), (410, "This page is gone"), (429, "Too many requests")),
    *((401, "Please sign in to continue"), (404, "Seite nicht gefunden"), (404, "Página no encontrada")),
    *(
        (404, "Page introuvable"),
        (451, "Unavailable For Legal Reasons"),
        (400, "Bad Request"),
        (504, "Gateway Timeout"),
    ),
)
ERROR_REMARKS: tuple[str, ...] = (
    "The page you are looking for may have been moved, renamed or deleted.",
    "You do not have permission to view this page.",
    "Something went wrong on our side. Please try again later.",
    "This account has been suspended. Contact your hosting provider.",
    "Database error: could not connect to the server.",
    "The content is not available in your region.",
    "Your session has expired. Log in again to go on.",
    "The server encountered an unexpected condition that prevented it from fulfilling the request.",
    "We looked everywhere, but the page you asked for does not exist any more. It may never have existed.",
    "The link you followed is broken, or the page has been removed by its author.",
    "Die angeforderte Seite wurde nicht gefunden oder wurde verschoben.",
    "La página que busca no existe o ha cambiado de dirección.",
    "Nous ne trouvons pas la page que vous cherchez.",
    "No results were found for your search. Try other words.",
    "There was a problem loading this item. If it keeps happening, tell the webmaster what you were doing.",
)
WALLS: tuple[str, ...] = (
    "Please enable JavaScript and cookies to continue.",
    "Checking your browser before you are taken to the site. This can take up to five seconds.",
    "Verify that you are a human by completing the action below.",
    "You have reached your limit of free articles this month. Subscribe to read on.",
    "To read the full story, create a free account or log in.",
    "We and our partners store and access information on a device, such as cookies, and process personal data.",
    "By clicking Accept all you agree to the storing of cookies on your device to enhance site navigation.",
    "You can change your choices at any time in the privacy settings.",
    "Sorry, your browser is not supported. Update it, or use another one.",
    "This site is protected against robots; the policy and the terms of the service apply.",
    "Confirm your age to enter this site.",
    "Already a subscriber? Sign in to keep reading.",
    "Choose your country and language to continue.",
)
WALL_BUTTONS: tuple[str, ...] = (
    "Accept all",
    "Reject all",
    "Manage options",
    "Sign in",
    "Subscribe now",
    "Start free trial",
    "OK",
)
HEADS: tuple[str, ...] = (
    "Oops!",
    "Sorry!",
    "Uh-oh.",
    "Hmm.",
    "Attention required",
    "Access denied",
    "Just a moment...",
)
SITE_WORDS: tuple[str, ...] = (
    "garden",
    "travel",
    "market",
    "music",
    "motor",
    "health",
    "pixel",
    "river",
    "studio",
    "north",
    "daily",
)
MENU: tuple[str, ...] = (
    *("Home", "About", "Contact", "Blog", "Shop", "Login", "Privacy policy", "Terms of use", "Sitemap", "Search"),
    *("News", "Products", "Services", "Careers", "Support", "FAQ", "Newsletter", "Facebook", "Twitter", "Register"),
)
SPAM_THINGS: tuple[str, ...] = (
    *("cheap watches", "online casino", "payday loans", "designer handbags", "weight loss pills", "replica shoes"),
    *("crypto signals", "escort service", "essay writing service", "followers and likes", "free spins bonus"),
    *("live streaming links", "car insurance quotes", "male enhancement", "forex robot", "hair growth serum"),
    *("used truck parts", "sports betting tips", "private tutor", "visa assistance", "garage door repair"),
)
SPAM_SENTENCES: tuple[str, ...] = (
    "Buy {thing} in {place} with {n}% discount and free shipping.",
    "Best {thing} {place} {n}, order now!!!",
    "Looking for {thing}? Click here for {thing} near {place}.",
    "{thing} without prescription, lowest price {n} USD.",
    "Win {n}000 today with {thing}, no deposit needed.",
    "Visit our site for {thing}, {thing} reviews and {place} {thing}.",
    "Download {place} {thing} full version crack free {n}.",
    "{place} {thing} {place} cheap {thing} sale online {n}.",
    "Limited offer: {thing} only today, call now and save {n}%.",
    "Our {thing} is the best {thing} in {place} because our {thing} is cheap and our {thing} is fast.",
    "Why choose our {thing}? Because {thing} from us is the number one {thing} for {place}.",
    "If you want {thing} then you have come to the right place for {thing} {place}.",
    "100% safe {thing}, 100% legit, trusted by {n}000 happy customers!!!",
    "Get {thing} now >>> {thing} >>> {place}",
    "Doctors hate this one trick with {thing} that melts {n} kg in {n} days.",
)
COMMENT_SPAM: tuple[str, ...] = (
    "Nice post! I also wrote about {thing} at my blog, check it out.",
    "Very good written information. It will be useful to anyone who uses {thing}, including me.",
    "I simply want to tell you that I am new to blogging and definitely savored your {place} page.",
    "Great article, thanks for sharing, see {thing} here.",
    "Hi there, I found your site via a search for {thing}, and your post looks very interesting to me.",
    "Excellent beat! I wish to apprentice while you amend your web site about {place}.",
    "My brother recommended I might like this blog. He was entirely right. {thing}",
    "Hello! Would you mind if I share your blog with my {thing} group? There are {n} people who would enjoy it.",
)
PARKED: tuple[str, ...] = (
    "This domain is for sale. Make an offer today.",
    "{site}.example is parked free, courtesy of its registrar.",
    "The owner of this domain has not yet uploaded a website.",
    "Buy this domain. Questions? Talk to a domain expert.",
    "Related searches",
    "Welcome to your new server. If you can read this page, the installation was successful.",
    "This site is under construction. Please come back soon.",
)
PLACES: tuple[str, ...] = (
    *("Springfield", "Oakdale", "Rivertown", "Greenford", "Northport", "Lakeview", "Maple Falls", "Westbury"),
    *("Clinton", "Fairview", "Bristol", "Georgetown", "Salem", "Ashland", "Burlington", "Milton", "Newport"),
)
LOREM: tuple[str, ...] = (
    *("lorem", "ipsum", "dolor", "sit", "amet", "consectetur", "adipiscing", "elit", "sed", "do", "eiusmod", "tempor"),
    *("incididunt", "ut", "labore", "et", "dolore", "magna", "aliqua", "ut", "enim", "ad", "minim", "veniam", "quis"),
    *("nostrud", "exercitation", "ullamco", "laboris", "nisi", "ut", "aliquip", "ex", "ea", "commodo", "consequat"),
    *("duis", "aute", "irure", "dolor", "in", "reprehenderit", "in", "voluptate", "velit", "esse", "cillum", "dolore"),
)
LOG_LINES: tuple[str, ...] = (
    "Warning: include({word}.php): failed to open stream: No such file or directory in /var/www/{word}.php on line {n}",
    "Fatal error: Uncaught Error: Call to undefined function {word}() in /home/{word}/public_html/index.php:{n}",
    "Traceback (most recent call last):",
    '  File "/srv/{word}/app.py", line {n}, in {word}',
    "java.lang.NullPointerException at com.{word}.{word}Servlet.doGet({word}Servlet.java:{n})",
    "[{n}:{n}:{n}] ERROR {word}: connection refused ({n} retries left)",
    "Notice: Undefined index: {word} in /var/www/{word}/view.php on line {n}",
)
