# ruff: noqa: E501 (a text of one line stays one line)
"""Short documents written for the tests: sound ones of 10 to 50 words, and worthless ones, of many kinds.

No refiner was trained or tuned on them.
"""

SOUND: dict[str, tuple[str, ...]] = {
    "paragraph": (
        "The ferry leaves twice a day from October to April. In summer a third boat runs at noon, because the islands then have four times as many people as in winter.",
        "Moss grows on the north side of these walls for a simple reason: the sun never dries them. On the south side there is lichen instead.",
        "My grandfather kept bees for sixty years and was never stung on the hands. He moved slowly and talked to them about the weather.",
        "Copper was mined here until 1911. The shafts have since filled with water, and the spoil heaps are now home to a rare kind of sea thrift.",
        "Most of the town burned in a single night in 1704. What stands today was built by the same three families of masons, which is why every window looks alike.",
    ),
    "question and answer": (
        "How often should a sourdough starter be fed?\nOnce a day at room temperature, and once a week in the refrigerator. Throw half of it away each time.",
        "Q: Can I prune the apple tree in autumn?\nA: Better wait until late winter. Cuts made in autumn heal slowly and let fungi in.",
        "Why does ice float? Because water expands when it freezes, so a piece of ice weighs less than the water whose place it takes.",
        "What is the difference between a list and a tuple? A list can be changed after it was made; a tuple cannot, and so it may serve as a key of a dictionary.",
    ),
    "definition": (
        "Isthmus: a narrow strip of land with sea on both sides that joins two larger areas of land.",
        "A palindrome is a word or sentence that reads the same backwards as forwards, such as level or noon.",
        "In music, a fermata is a sign above a note. It tells the player to hold the note longer than its value, for as long as seems right.",
        "osmosis (noun): the movement of water through a membrane from a weaker solution to a stronger one, until both are equally strong.",
    ),
    "notice": (
        "The swimming hall will be closed from 3 to 17 August while the filters are replaced. Season tickets will be extended by two weeks.",
        "Choir practice moves to the school hall this Thursday, as the church is being painted. Please bring the blue books.",
        "Lost near the station on Sunday evening: a brown leather notebook with drawings of birds. Please call Ingrid at the bakery if you have found it.",
    ),
    "poem": (
        "The tide goes out,\nthe gulls come in,\nthe boats lie down\non the mud like cows.",
        "Old pond,\na bucket left in the rain\nfills with the moon",
        "I asked the road how far it went.\nIt said: as far as you.\nI asked the hill what lay behind.\nIt showed me nothing new.",
    ),
    "recipe": (
        "Rub the butter into the flour until it looks like coarse crumbs. Add just enough cold water to bring it together, wrap it, and let it rest for half an hour.",
        "Lentil soup\n200 g red lentils\n1 onion, 2 carrots\nFry the onion, add everything else with a litre of water, and simmer for 25 minutes.",
        "Toast the cumin seeds in a dry pan for one minute. Grind them while they are still warm.",
    ),
    "caption": (
        "A fisherman mends his nets in the harbour of Essaouira, March 1962. The boats behind him were built in the same yard.",
        "Figure 4. Mean daily temperature at the two stations. The gap in July is due to a broken sensor.",
        "Portrait of a woman with a carnation, oil on oak, about 1520. The flower stands for betrothal.",
    ),
    "commit message": (
        "Fix off-by-one error in page ranges\n\nThe last page of a document was never printed when the range had no upper bound.",
        "Read the configuration before opening the socket, so that a wrong port is reported at once and not after the first request.",
        "Remove the cache of parsed dates. It saved 3 % of the time and kept every string alive for as long as the process ran.",
    ),
    "news": (
        "The town council voted on Tuesday to keep the library open on Sundays. The cost, about 14,000 a year, will come from parking fees.",
        "A mild earthquake woke people in the valley early on Friday. Nobody was hurt, and the dam was found to be undamaged.",
    ),
    "answer in a forum": (
        "I had the same noise on my bicycle. It turned out to be the seat post, not the bottom bracket. A little grease fixed it.",
        "You are dividing integers there. Write 1.0 / n, or cast one of them first, and the result will be what you expect.",
        "We took the night train last year with two small children. Book the compartment early, and bring your own breakfast.",
    ),
    "note on software": (
        "Version 2.4 reads files with Windows line endings. The option --strict no longer stops at the first warning.",
        "Returns the number of bytes that were written, which may be fewer than asked for. Raises ValueError if the file is closed.",
        "The 404 status code tells the client that the server knows no resource at this address. It does not say whether that will change.",
        "A cookie is a small piece of text that a server asks the browser to keep and to send back with every later request.",
    ),
    "code": (
        "# Greatest common divisor, after Euclid.\ndef gcd(a, b):\n    while b:\n        a, b = b, a % b\n    return a",
        "Count the lines of all text files in a folder:\n\nfind . -name '*.txt' -print0 | xargs -0 cat | wc -l",
    ),
    "science": (
        "Theorem. There are infinitely many primes. Proof: multiply all the primes you know and add one; no prime on your list divides the result.",
        "A year on Venus is shorter than a day there: the planet needs 225 Earth days for its orbit and 243 for one turn.",
        "Puffins carry fish crosswise in the bill, often ten or more at a time. Spines on the tongue hold the first ones while the bird catches the rest.",
    ),
    "dialogue": (
        "“Is it far?” the boy asked.\n“Far enough,” said the miller. “Take the bread, and leave the dog here.”",
        "Interviewer: What did you take with you?\nLena: A coat, two books and the key. We thought we would be back by spring.",
    ),
    "letter": (
        "Dear Ruth, the parcel came on Saturday and nothing was broken. The plums are nearly ripe. Come before the wasps do. Yours, Edith",
        "Hello everyone, I have moved our meeting to Wednesday at ten, since two of us are travelling on Tuesday. The agenda stays as it is. Regards, Paul",
    ),
    "saying": (
        "A carpenter I once worked for used to say that you measure twice because wood, unlike paper, does not forgive.",
        "“We do not inherit the orchard,” she told the school children. “We look after it for people who are not yet born.”",
    ),
    "list": (
        "Before the first frost:\n- drain the garden tap\n- bring in the dahlias\n- cover the strawberries with straw",
        "1. Switch off the power at the mains.\n2. Unscrew the old socket.\n3. Note which wire goes where before you loosen anything.",
    ),
    "review": (
        "The boots kept my feet dry through two weeks of rain in Norway. They are heavy, though, and the laces wore out on the fifth day.",
        "A quiet novel about two sisters and a lighthouse. The middle drags a little, but the last thirty pages are worth the wait.",
    ),
    "German": (
        "Der Brunnen auf dem Markt stammt aus dem Jahr 1583. Sein Wasser kommt noch heute über eine Holzleitung aus dem Wald oberhalb der Stadt.",
        "Warum knackt das Parkett im Winter? Weil die Heizungsluft trocken ist: Das Holz gibt Wasser ab und zieht sich zusammen.",
        "Die Zwiebeln fein schneiden und in Butter glasig dünsten. Mit Brühe ablöschen und zehn Minuten leise kochen lassen.",
    ),
    "French": (
        "Le moulin a cessé de tourner en 1954. Depuis, les hirondelles nichent sous le toit et les enfants du village viennent les compter au printemps.",
        "Pourquoi les feuilles tombent-elles ? L'arbre économise ainsi l'eau que le sol gelé ne lui donne plus.",
        "La bibliothèque sera fermée samedi en raison d'un mariage dans la grande salle. Les livres peuvent être rendus à la mairie.",
    ),
    "Spanish": (
        "El puente se construyó en dos años con piedra de la misma sierra. Cuentan que el arquitecto durmió debajo la primera noche para demostrar que era seguro.",
        "¿Por qué se riega por la tarde? Porque de noche se evapora menos agua y las raíces tienen tiempo de beber.",
        "Se pelan los tomates, se pican con el ajo y se dejan cocer a fuego lento durante veinte minutos.",
    ),
    "Italian": (
        "La funivia parte ogni mezz'ora dalla piazza. In inverno conviene salire presto, perché nel pomeriggio il vento la ferma spesso.",
        "Il basilico non ama il freddo: sotto i dieci gradi le foglie anneriscono e la pianta smette di crescere.",
    ),
    "Portuguese": (
        "O farol foi aceso pela primeira vez em 1868. Durante muitos anos, a família do faroleiro recebia a correspondência apenas uma vez por mês.",
    ),
    "Dutch": (
        "De molen maalt alleen nog op zaterdag. De molenaar laat bezoekers graag zien hoe de kap met de hand naar de wind wordt gedraaid.",
    ),
}

WORTHLESS: dict[str, tuple[str, ...]] = {
    "page not found": (
        "404\nThat page does not seem to exist.\nCheck the address, or return to the start page.",
        "Not Found\n\nThe requested URL /archive/2011/04 was not found on this server.",
        "Whoops! We can't find what you're after. The link may be old or the item may have been taken down. Go to homepage",
        "Seite existiert nicht\nLeider konnten wir die gewünschte Seite nicht finden. Zur Startseite",
        "Erreur 404\nCette page n'existe pas ou a été déplacée.\nRetour à l'accueil",
        "Error 404. No hemos encontrado la página solicitada. Volver al inicio",
        "Pagina non trovata\nSiamo spiacenti, la pagina richiesta non è disponibile.\nTorna alla home",
    ),
    "server error": (
        "500 - Internal server error. There is a problem with the resource you are looking for, and it cannot be displayed.",
        "Error establishing a database connection",
        "502 Bad Gateway\ncloudflare",
        "Application error: a client-side exception has occurred (see the browser console for more information).",
        "This site is temporarily down for maintenance. We will be back shortly. Thank you for your patience.",
        "An error occurred while processing your request. Reference #18.2d351ab8.1557333295.a4e16ab",
    ),
    "forbidden": (
        "Access Denied\nYou don't have permission to access this resource.\nApache Server at www.shop.example Port 443",
        "Sorry, you have been blocked. You are unable to access this website. Why have I been blocked? This website uses a security service to protect itself from online attacks.",
        "This video is unavailable in your country.",
    ),
    "captcha": (
        "One more step\nPlease complete the security check to access the site.\nWhy do I have to complete a CAPTCHA?",
        "Are you a robot? Please tick the box to confirm that you are not. Select all images with traffic lights. Verify",
        "We have detected unusual traffic from your network. To continue, type the characters you see in the image below.",
    ),
    "scripts are off": (
        "You need to enable JavaScript to run this app.",
        "JavaScript is disabled in your browser. Please switch it on to use this page, or upgrade to a modern browser.",
        "Loading... Please wait while we load the page. If nothing happens, reload.",
    ),
    "cookies": (
        "This website uses cookies to ensure you get the best experience. Learn more\nGot it!",
        "We value your privacy. We and our 823 partners use cookies to personalise content and ads. Accept all   Reject all   Preferences",
        "Wir verwenden Cookies, um Inhalte zu personalisieren und Zugriffe zu analysieren. Alle akzeptieren   Einstellungen   Ablehnen",
        "Nous utilisons des cookies pour améliorer votre expérience. En poursuivant, vous acceptez notre politique. Tout accepter  Tout refuser  Personnaliser",
        "Utilizamos cookies propias y de terceros para mostrarle publicidad. Aceptar  Rechazar  Configurar",
    ),
    "wall": (
        "You've read your last free article. Subscribe now for unlimited access from $1 a week. Already have an account? Log in",
        "Log in to continue\nEmail\nPassword\nForgot your password?\nDon't have an account? Sign up",
        "This content is for members only. Please register or sign in to view it.",
        "Dieser Artikel ist nur für Abonnenten. Jetzt testen und sofort weiterlesen. Sie haben schon ein Abo? Anmelden",
        "Cet article est réservé aux abonnés. Abonnez-vous pour lire la suite. Déjà abonné ? Connectez-vous",
        "By entering this site you confirm that you are at least 18 years old. Enter   Leave",
    ),
    "teaser": (
        "The minister had known about the report for months, but what she did next surprised even her...",
        "5 Tips for a Better Night's Sleep\nMost of us do not sleep enough, and the reasons are often... Read more »",
        "Continue reading → Why our house is colder than",
        "Posted on May 3, 2016 by admin\nIt has been a while since my last post, and so much has [...]",
        "New phone leaks ahead of launch The device, which is expected in autumn, will reportedly...  2 hours ago  Share",
        "Die Polizei sucht Zeugen, nachdem in der Nacht auf Sonntag ein Unbekannter in der ... mehr",
    ),
    "menu": (
        "Home\nProducts\nPricing\nDocs\nBlog\nContact\nSign in\nGet started",
        "Home | About | Services | Gallery | Testimonials | Contact us",
        "Startseite\nÜber uns\nLeistungen\nReferenzen\nKontakt\nImpressum\nDatenschutz",
        "Accueil  Boutique  Nos marques  Promotions  Mon compte  Panier (0)  Contact",
        "Skip to content\nSearch\nMenu\nClose\nFacebook\nInstagram\nYouTube\nPinterest",
    ),
    "tags": (
        "Tags: wedding, photography, summer, bride, flowers, church, portrait, couple, outdoor, rings",
        "#travel #sunset #beach #nofilter #instagood #holiday #wanderlust #sea #friends",
        "cheap flights london, cheap flights paris, cheap flights rome, last minute flights, flight deals, low cost flights",
        "Animals (12) Architecture (7) Black and white (31) Portraits (18) Street (44) Uncategorized (203)",
    ),
    "parked": (
        "bluebasket.example is for sale! Contact the owner to make an offer. Copyright 2024. All rights reserved. Privacy policy",
        "Future home of something quite cool. If you're the site owner, log in to launch this site.",
        "Coming soon! Our new website is under construction. Sign up to be notified when we launch.",
        "Apache2 Ubuntu Default Page\nIt works!",
    ),
    "empty": (
        "No results found for your search. Try different keywords or remove some filters.",
        "Showing 0 of 0 products. Sort by: Featured  Price, low to high  Price, high to low",
        "There are currently no comments. Be the first to comment! Log in or register to post comments.",
        "Your cart is empty. Continue shopping. Subtotal 0.00 EUR. Checkout",
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit. Sed do eiusmod tempor incididunt ut labore et dolore magna aliqua.",
    ),
    "spam": (
        "BUY CHEAP REPLICA WATCHES ONLINE!!! Free worldwide shipping, 70% off today only, click here >>> best replica watches store",
        "Best online casino bonus no deposit 2023, free spins, best casino slots online casino real money, play now casino bonus",
        "Congratulations! You have been selected to win a new phone. Click OK to claim your prize now, only 2 left!",
        "Nice post, thanks for sharing. Visit my site for cheap essays and fast loans, best price guaranteed.",
    ),
    "footer": (
        "© 2019 Harrow & Sons Ltd. All rights reserved. Terms of use | Privacy policy | Sitemap | Powered by WordPress",
        "Follow us on Facebook, Twitter and Instagram. Subscribe to our newsletter. Enter your email address. Subscribe",
        "Share this: Twitter Facebook Email Print Like this: Like Loading... Related",
    ),
    "rubbish": (
        "asdf asdf qwer test test 123 test page please ignore test test",
        "Ã¢â‚¬Å“Ã©tÃ© Ã Â  lÃ¢â‚¬â„¢Ã©coleÃ¢â‚¬Â Ã¯Â»Â¿ Ã‚Â Ã‚Â Ã¢â€žÂ¢ Ã¢â€šÂ¬",
        "0.00 0.00 12.5 13 44 0.00 7.1 -- -- 0.00 11 9 0.3 18 22 5.5",
    ),
}
