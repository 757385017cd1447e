"""What spam and advertisements say."""

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
SALES: tuple[str, ...] = (
    "As seen on TV! Thousands of people have already tried {thing}, and their lives changed within {n} days.",
    "Sponsored. She could not believe her eyes when {thing} did what nothing else had done in {n} years.",
    "Hurry, only {n} left in stock! Claim your {n}% discount on {thing} before midnight.",
    "Experts are stunned by this simple {thing} secret that big companies do not want you to know.",
    "Our professional team offers {thing} for any need. Quality guaranteed, or your money back.",
    "Order {thing} now and get {n} free bonus gifts. Support is available 24/7.",
    "I was sceptical at first, but after {n} weeks of {thing} my friends hardly recognised me! - {place} customer",
    "Results may vary. This is an advertisement and not a news article.",
    "Are you searching for reliable and affordable {thing}? You are at the right place, dear friend.",
    "We provides best {thing} service in all world with cheap price and fast delivery of {n} hours.",
    "Click the button below to see if {thing} is still available in {place}.",
    "{thing} {place}, {thing} online, buy {thing}, {thing} price, order {thing} {place}",
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
PLACES: tuple[str, ...] = (
    *("Springfield", "Oakdale", "Rivertown", "Greenford", "Northport", "Lakeview", "Maple Falls", "Westbury"),
    *("Clinton", "Fairview", "Bristol", "Georgetown", "Salem", "Ashland", "Burlington", "Milton", "Newport"),
)
