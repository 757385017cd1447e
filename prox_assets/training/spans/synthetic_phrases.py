"""Templates of synthetic phrases: widgets, advertisements, calls to action, picture credits, times, related pages."""

import random
from collections.abc import Callable

from prox_assets.refiners.spans.patterns import NoiseKind
from prox_assets.training.spans.synthetic_marks import WORDS

_NAMES = (
    *("Anna Brown", "Luis Ortega", "Mei Tanaka", "J. R. Cole"),
    *("Sara O’Neil", "Tom Becker", "Priya Shah", "Zoe Martin"),
)
_NETWORKS = ("Facebook", "Twitter", "LinkedIn", "Pinterest", "WhatsApp", "Reddit", "Email", "X", "Telegram", "Tumblr")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_BUTTON_ROWS = (
    *("Share Tweet Pin", "Share Tweet Email Print", "Like Share Comment"),
    *("SHARE TWEET PIN", "Print Email Share"),
)
_AGENCIES = ("Getty Images", "AFP", "Reuters", "AP", "Shutterstock", "AFP via Getty Images", "iStock")


def _share(rng: random.Random) -> str:
    networks = rng.sample(_NETWORKS, rng.randint(3, 6))
    mark = rng.choice((" ", " ", " | ", " / ", " • "))
    thing = rng.choice(("article", "story", "post", "page", "video", "recipe"))
    return rng.choice(
        (
            mark.join(networks),
            "Share " + mark.join(networks),
            f"Share this {thing}",
            f"Share this {thing} on {networks[0]}",
            f"Share on {networks[0]} Share on {networks[1]}",
            f"Share this: {' '.join(networks)}",
            f"Share on {networks[0]}",
            f"Share via {networks[0]}",
            f"Click to share on {networks[0]}",
            rng.choice(("Click to tweet", "Click To Tweet", "Tweet this", "Pin it", "Pin It for later", "PIN IT")),
            rng.choice(_BUTTON_ROWS),
            f"Follow us on {networks[0]} and {networks[1]}",
            f"Like us on {networks[0]}",
            f"{rng.randint(2, 900)} {rng.choice(('shares', 'comments', 'Comments', 'likes', 'views', 'Shares'))}",
            rng.choice(("Leave a comment", "Leave a reply", "No comments", "Add a comment")),
        )
    )


def _advertisement(rng: random.Random) -> str:
    below = rng.choice(
        ("Story continues below", "Article continues below", "Continue reading below", "Scroll to continue")
    )
    plain = rng.choice(
        (
            "Advertisement",
            "ADVERTISEMENT",
            f"{below} advertisement" if "below" in below else below,
            below,
            "Scroll to continue with content",
            f"Advertisement - {below}",
            f"ADVERTISEMENT - {below.upper()}",
            "Advertisement - Continue Reading Below",
            "Article continues after this advertisement",
            *("Skip advertisement", "Sponsored", "SPONSORED", "Sponsored content"),
            *("Ad feedback", "Advertisement Advertisement"),
            f"Story continues below this {rng.choice(('ad', 'advertisement', 'video'))}",
        )
    )
    return rng.choice(("{}", "{}", "{}", "[{}]", "({})", "- {} -")).format(plain)


def _call_to_action(rng: random.Random) -> str:
    arrow = rng.choice(("", "", "", " »", " →", "...", " >", "…"))
    plain = rng.choice(
        (
            *("Read more", "Read More", "READ MORE", "See more", "Learn more", "Learn More", "View all", "Show more"),
            *("Continue reading", "Continue Reading", "Click here", "CLICK HERE", "Click here to subscribe"),
            "Click here for more" if rng.random() < 0.2 else "Click here",
            *("Subscribe now", "Sign up for our newsletter", "Subscribe to our free newsletter"),
            *("Sign up for our daily newsletter", "Register now", "Read the full story", "Read full article"),
            *("Download our app", "hide caption", "toggle caption", "Watch now", "Shop now", "Buy Now", "Back to top"),
        )
    )
    return rng.choice(("{}", "{}", "{}", "[{}]", "({})")).format(plain + arrow)


def _credit(rng: random.Random) -> str:
    name, agency = rng.choice(_NAMES), rng.choice(_AGENCIES)
    thing = rng.choice(("Photo", "Image", "Picture", "Photograph", "Illustration"))
    plain = rng.choice(
        (
            f"{thing} credit: {name}",
            f"{thing}: {name}",
            f"{thing} by {name}",
            f"{thing}: {name}/{agency}",
            f"{name}/{agency}",
            f"{name} / {agency}",
            "Getty Images",
            f"{thing} courtesy of {name}",
            f"Credit: {name}",
            f"AP Photo/{name}",
            f"{thing}: {agency}",
        )
    )
    return rng.choice(("{}", "({})", "({})", "[{}]")).format(plain)


def _timestamp(rng: random.Random) -> str:
    month, day, year = rng.choice(_MONTHS), rng.randint(1, 28), rng.randint(2005, 2026)
    date = rng.choice(
        (
            f"{month} {day}, {year}",
            f"{day} {month[:3]} {year}",
            f"{month[:3]} {day}, {year}",
            f"{day}/{year % 12 + 1}/{year}",
        )
    )
    clock = f"{rng.randint(1, 12)}:{rng.randint(10, 59)} {rng.choice(('am', 'PM', 'p.m.', 'AM ET'))}"
    unit, count = rng.choice(("hour", "minute", "day", "week", "month")), rng.randint(2, 12)
    return rng.choice(
        (
            f"{rng.randint(2, 20)} {rng.choice(('min', 'minute', 'mins'))} read",
            f"Updated {count} {unit}s ago",
            f"Posted {count} {unit}s ago",
            f"Updated: {date}",
            f"Last updated on {date}",
            f"Published {date} at {clock}",
            f"Published: {date}",
            f"Posted on {date}",
            f"Posted by {rng.choice(('Anna Brown', 'Tom Becker'))} on {date}",
            f"Updated {date} {clock}",
            f"Reading time: {rng.randint(2, 15)} minutes",
            f"(updated {date})",
        )
    )


def _related(rng: random.Random) -> str:
    topic, other = rng.choice(WORDS), rng.choice(WORDS)
    headline = rng.choice(
        (
            f"{rng.randint(3, 21)} ways to plan your {topic}",
            f"What the {topic} tells us about the {other}",
            f"Why every {topic} needs a {other}",
            f"The best {topic} of {rng.randint(2010, 2026)}",
            f"{topic.title()} and {other.title()}: A Complete Guide",
            f"How to Choose a {topic.title()}",
            f"Is this the end of the {topic}?",
        )
    )
    marker = rng.choice(
        (
            *("Read more", "Read also", "Also read", "READ MORE", "READ ALSO", "Related", "RELATED", "See also"),
            *("WATCH", "MORE", "Read next", "Related article", "RELATED STORY"),
            *("Don’t miss", "You may also like", "Also Read"),
        )
    )
    return rng.choice(("{}", "{}", "({})", "[{}]")).format(f"{marker}: {headline}")


PHRASES: dict[NoiseKind, Callable[[random.Random], str]] = {
    NoiseKind.SHARE: _share,
    NoiseKind.ADVERTISEMENT: _advertisement,
    NoiseKind.CALL_TO_ACTION: _call_to_action,
    NoiseKind.CREDIT: _credit,
    NoiseKind.TIMESTAMP: _timestamp,
    NoiseKind.RELATED: _related,
}
