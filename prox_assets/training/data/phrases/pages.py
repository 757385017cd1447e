"""What pages without content of their own consist of: menus, forms, baskets, teasers, logs."""

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
MENUS: tuple[tuple[str, ...], ...] = (
    MENU,
    (
        *(
            "About us",
            "Our team",
            "Portfolio",
            "Reviews",
            "Get a quote",
            "Book now",
            "My account",
            "Cart (0)",
            "Wishlist",
        ),
        *("Checkout", "Shipping & returns", "Gift cards", "Store locator", "Press", "Partners", "Investors", "Help"),
        *("Jump to content", "Toggle navigation", "Close menu", "Language", "English", "Download", "Events", "Donate"),
    ),
    (
        *("LinkedIn", "Reddit", "WhatsApp", "Pin it", "Tweet", "Share", "Copy link", "Print", "Email", "Save", "RSS"),
        *("Follow us", "Next", "Previous", "Older posts", "Newer posts", "Top", "Leave a comment", "Reply", "Report"),
        *("Powered by {site}", "© {n} {site}", "All rights reserved", "Made with love", "Related posts", "Archives"),
    ),
    (
        *("Start", "Über mich", "Angebote", "Preise", "Galerie", "Anfahrt", "AGB", "Impressum", "Datenschutzerklärung"),
        *("Warenkorb", "Mein Konto", "Suche", "Hilfe", "Termine", "Presse", "Verein", "Mitglied werden", "Aktuelles"),
    ),
    (
        *(
            "Qui sommes-nous",
            "Nos services",
            "Actualités",
            "Mentions légales",
            "Plan du site",
            "Mon panier",
            "Recherche",
        ),
        *("Connexion", "Tarifs", "Galerie", "Livre d'or", "Partenaires", "Espace client", "Nous écrire"),
    ),
    (
        *("Inicio", "Quiénes somos", "Servicios", "Tienda", "Noticias", "Aviso legal", "Mapa del sitio", "Buscar"),
        *("Carrito", "Mi cuenta", "Ayuda", "Galería", "Contáctenos", "Trabaja con nosotros"),
    ),
    (
        "Chi siamo",
        "Prodotti",
        "Servizi",
        "Dove siamo",
        "Contatti",
        "Novità",
        "Carrello",
        "Cerca",
        "Note legali",
        "Area clienti",
    ),
    ("Over ons", "Diensten", "Nieuws", "Winkelwagen", "Zoeken", "Veelgestelde vragen", "Mijn account", "Disclaimer"),
)
"""Menus and footers, by language and kind."""
TEASER_ENDS: tuple[str, ...] = (
    *("...", "…", " ...", " […]", " [...]", "... Read more", "... more", "… Continue reading →", "... Read more »"),
    *("… weiterlesen", "... mehr", "… Lire la suite", "... Leer más", "... Continua", "...\nRead More", "... (more)"),
    *("...\nKeep reading", "... View full article", "… Lees verder", "...\n{n} comments", "...\n{n} hours ago"),
)
TEASER_HEADS: tuple[str, ...] = (
    *("Posted by admin on {day} {month}", "{month} {day}, 20{n:02}", "By staff", "{n} min read", "Continue reading →"),
    *("Read more:", "Latest posts", "You may also like", "Trending now", "Weiterlesen", "À lire aussi", "Lee también"),
)
MONTHS: tuple[str, ...] = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
WEEKDAYS: tuple[tuple[str, ...], ...] = (
    ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    ("S", "M", "T", "W", "T", "F", "S"),
    ("Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"),
    ("lun", "mar", "mié", "jue", "vie", "sáb", "dom"),
)
STUBS: tuple[tuple[str, ...], ...] = (
    (
        *("Log in", "Username", "Password", "Remember me", "Lost your password?", "Sign up", "or continue with"),
        *("Email", "By signing up you agree to the terms.", "Forgot username?", "Create account", "Stay signed in"),
    ),
    (
        *(
            "Your basket is empty.",
            "Subtotal",
            "Go to checkout",
            "Keep shopping",
            "{n} items",
            "Update cart",
            "Enter code",
        ),
        *(
            "Sort by",
            "Price: low to high",
            "Filter",
            "In stock only",
            "Showing 1-{n} of {n} results",
            "Add to wishlist",
        ),
    ),
    (
        *(
            "0 comments",
            "Leave a reply",
            "Your email address will not be published.",
            "Name",
            "Website",
            "Post comment",
        ),
        *(
            "No comments yet.",
            "You must be logged in to comment.",
            "Notify me of new posts by email.",
            "Older comments",
        ),
    ),
    (
        *(
            "IMG_{n}.JPG",
            "Previous image",
            "Next image",
            "Uploaded by {word} on {day} {month}",
            "{n} views",
            "Slideshow",
        ),
        *("Back to album", "Full size", "{word}.png", "Image {n} of {n}", "No description", "Download original"),
    ),
    (
        *("Profile of {word}", "Joined {month} 20{n:02}", "Posts: {n}", "Last seen {n} days ago", "Location: {word}"),
        *(
            "Send message",
            "Add friend",
            "Group: Members",
            "Reputation: {n}",
            "Show posts",
            "Status: Offline",
            "Topics: {n}",
        ),
    ),
    (
        *("Search results for {word}", "No matches.", "Your search did not match any documents.", "Search tips"),
        *("Check the spelling.", "Page 1 of {n}", "Next >", "Advanced search", "Did you mean {word}?", "{n} results"),
    ),
    (
        *(
            "Share this:",
            "Facebook",
            "Twitter",
            "Click to share",
            "Like this:",
            "Loading...",
            "Related",
            "Tagged {word}",
        ),
        *(
            "Filed under: {word}",
            "Bookmark the permalink.",
            "Follow us",
            "Subscribe to our newsletter",
            "Enter your email",
        ),
    ),
    (
        *("© 20{n:02} {word}. All rights reserved.", "Terms", "Privacy", "Cookies", "Do not sell my information"),
        *("Powered by {word}", "Theme by {word}", "Registered company {n}{n}", "Back to top", "Designed by {word}"),
    ),
    (
        *(
            "Questions tagged [{word}]",
            "{n} votes",
            "{n} answers",
            "{n} views",
            "asked {month} {day}",
            "Newest",
            "Active",
        ),
        *("Unanswered", "Ask question", "modified {n} mins ago by {word}", "Views: {n}", "Hot network questions"),
    ),
    (
        *("Coming soon", "Under construction", "test", "Test page", "Hello world!", "Just another site", "Sample page"),
        *("Default page", "This is an example post. Edit or delete it.", "Untitled", "New page", "Click to edit text"),
    ),
)
"""Lines of pages without content of their own: forms, baskets, profiles, pictures, results, footers."""
PARKED: tuple[str, ...] = (
    "This domain is for sale. Make an offer today.",
    "{site}.example is parked free, courtesy of its registrar.",
    "The owner of this domain has not yet uploaded a website.",
    "Buy this domain. Questions? Talk to a domain expert.",
    "Related searches",
    "Welcome to your new server. If you can read this page, the installation was successful.",
    "This site is under construction. Please come back soon.",
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
