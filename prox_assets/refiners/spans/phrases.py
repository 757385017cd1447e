"""Patterns of phrases: what buttons, advertisements and captions say.

These are widgets, advertisements, calls to action, picture credits, times, and pointers to other pages, all in English,
as C4 and FineWeb are. patterns.py states the rules for all patterns.
"""

import re

# A phrase may end inside a mixed-case word that has lost its space ("TweetNext"), but not before a lower-case letter.
_WHOLE = r"(?!(?<=[^\W\d_])[a-z])"
# A phrase begins inside a word only at a capital. Checking this first halves the time.
_BEGIN = r"(?:(?<![^\W\d_])|(?=[A-Z]))"

_NETWORK = r"""(?:facebook|twitter|x|linkedin|pinterest|whats\s?app|reddit|tumblr|telegram|e-?mail|messenger|flipboard
    |print|copy\slink|instagram|youtube|tiktok|bluesky|threads|mastodon|pocket|google\+|viber|sms|rss)"""
_BUTTON = r"""(?:Share|SHARE|Tweet|TWEET|Pin(?:\s[Ii]t)?|PIN(?:\sIT)?|Like|LIKE|Print|PRINT|E-?mail|EMAIL|Comments?
    |Save|SAVE|Follow|Reply|Repost|Report|Bookmark|Copy\s[Ll]ink|Link\s[Cc]opied!?)"""
_BETWEEN = r"(?:\s?[|/•·]\s?|\s)"
SHARE = re.compile(
    rf"""{_BEGIN}(?:(?i:(?:share|tweet|pin|save|e-?mail|(?:follow|like|find|join|connect\swith|visit)\s(?:us|me))
        (?:\s(?:this|it))?(?:\s(?:article|story|post|page|link|video|recipe|now))?
        \s(?:on|to|via|with|in|by|using):?\s{_NETWORK}(?:(?:{_BETWEEN}|,\s)(?:and\s|or\s)?{_NETWORK}){{0,9}})
    | (?i:click\sto\s(?:share|tweet|print|e-?mail|copy)(?:\sthis)?
        (?:\s(?:on|via|to)\s{_NETWORK}|\sa\slink\sto\sa\sfriend)?)
    | (?i:tweet\sthis | pin\sit(?:\s(?:for\slater|now))?)
    | (?i:(?:share|save|print|e-?mail|bookmark)\sthis(?:\s(?:article|story|post|page|recipe|entry|video|via|on))?:?)
    | (?i:share\s(?:article|story|post|page|now|via|on)) | S(?:hare|HARE):
    | (?i:{_NETWORK}(?:{_BETWEEN}{_NETWORK}){{2,9}})
    | {_BUTTON}(?:{_BETWEEN}(?:(?i:{_NETWORK})|{_BUTTON})(?![^\W\d_])){{1,9}}
    | (?i:\d(?:[\d,.]{{0,8}}\d)?[km]?\s(?:shares?|comments?|likes?|views?|retweets?|replies|reactions|followers))
    | (?i:(?:leave|post|add|write)\sa\s(?:comment|reply) | (?:no|view|show)\scomments | be\sthe\sfirst\sto\scomment)
    ){_WHOLE}""",
    re.VERBOSE,
)

_AD = r"""(?:(?i:(?:story|stories|article|post|content)\scontinues?(?:\s(?:below|after))?
        (?:\s(?:this\s|the\s)?(?:advertisements?|ads?|gallery|video|slideshow))?
    |(?:continue|keep)\sreading\s(?:below|after)(?:\s(?:this\s|the\s)?(?:advertisement|ad))?
    |scroll\s(?:down\s)?(?:to|for)\s(?:continue|more)(?:\s(?:reading|with\scontent|content))?
    |sponsored\s(?:content|posts?|links?|by\s\w{1,20}) | paid\s(?:content|post|partnership|advertisement)
    |skip\s(?:this\s)?(?:advertisements?|ads?) | (?:close|report|hide|remove)\s(?:this\s)?ads? | ad\sloading
    |(?:this\s)?(?:advertisement|ad)\s(?:has\snot\sloaded\syet|will\send\sin\s\d{1,2}) | ad\schoices
    |this\sarticle\scontains\saffiliate\slinks)
    |ADVERTISEMENTS?|Advertisements?|ADVERT|Advert(?=\W)|SPONSORED|Sponsored|PROMOTED|Promoted|[Aa]d\sfeedback)"""
ADVERTISEMENT = re.compile(
    rf"(?P<dash>[-–—]{{1,3}}\s?)?[\[(*]{{0,3}}(?<!\w){_AD}(?:(?:\s?[-–—|:,.•]\s?|\s){_AD}){{0,4}}{_WHOLE}[\])*:]{{0,3}}"
    r"(?(dash)\s?[-–—]{1,3})",
    re.VERBOSE,
)

CALL_TO_ACTION = re.compile(
    _BEGIN
    + r"""(?:\.\.\.\s?|…\s?|[\[(]\s?)?(?:
      (?:Read|See|View|Show|Load|Learn|READ|SEE|VIEW|LEARN|SHOW)\s(?:[Mm]ore|MORE|[Ll]ess|[Aa]ll|ALL)(?!\s[a-z])
    | (?:Read|View|See|READ)\s(?:[Tt]he\s)?(?:[Ff]ull|FULL|[Oo]riginal|[Ww]hole)
        \s(?:[Aa]rticle|ARTICLE|[Ss]tory|STORY|[Pp]ost|[Bb]io|[Rr]eview)
    | Continue\s[Rr]eading(?:\sthe\smain\sstory)? | CONTINUE\sREADING
    | (?i:read|learn|see|view)\s(?i:more)(?=\s?(?:[>»→›…]|\.\.\.)|\s{0,3}$)
    | (?i:(?:please\s)?(?:click|tap|press)\s(?:here|the\slink(?:\sbelow)?)
        (?:\sto\s\w{1,20}(?:\s\w{1,20}){0,2}(?=\s?[.…!)\]>»→›]|\s*+$))?)
    | (?:Subscribe|SUBSCRIBE|Sign\s[Uu]p|SIGN\sUP|Register|Join)\s(?:[Nn]ow|NOW|[Tt]oday|(?i:here))
    | (?i:(?:subscribe|sign\sup)\s(?:to|for)\s(?:our|the|my)\s(?:[\w-]{1,20}\s){0,3}newsletters?)
    | (?i:enter\syour\se-?mail(?:\saddress)?) | (?i:download\s(?:our|the)\s(?:free\s)?app)
    | (?i:jump\sto\s(?:recipe|content|comments)) | (?i:skip\sto\s(?:main\s)?content) | (?i:back\sto\stop)
    | (?:Buy|Shop|Order|Book|Play|Watch|Listen|Download|BUY|SHOP|WATCH)\s(?:[Nn]ow|NOW|[Vv]ideo)(?!\s[a-z])
    | (?i:(?:hide|toggle|show)\scaption|enlarge\sthis\simage|play\svideo|log\sin\sto\s(?:comment|reply))
    )(?!(?<=[^\W\d_])[a-z])(?:\s?(?:[>»→›…]|\.\.\.)){0,3}[.!]?[\])]?(?!\s?:)""",
    re.VERBOSE,
)

_AGENCY = r"(?:Getty(?:\sImages)?|AFP|AP(?:\sPhoto)?|Reuters|REUTERS|Shutterstock|iStock|Unsplash|Alamy|EPA|Pexels)"
# A full stop that does not end a sentence: inside a name or a number, before a lower-case letter, or after an initial.
_INNER_STOP = r"\.(?=[^\s)\]]|\s[a-z])|(?<=[A-Z])\."
_NAME = r"[A-Z][\w.'’-]{1,20}(?:\s[A-Z][\w.'’-]{0,20}){0,3}"
CREDIT = re.compile(
    rf"""[\[(]?(?:(?:Featured|Cover|Header|Main|Lead|AP|File|Courtesy)\s)?
        (?:Photo|Image|Picture|Photograph|Illustration|PHOTO|IMAGE)s?
        (?:\s(?:[Cc]redits?|[Cc]ourtesy(?:\sof)?|[Bb]y|via|[Ss]ource|CREDIT)\s?[:©]?|\s?[:©/])\s?
        (?:[^.()\[\]|\n]|{_INNER_STOP}){{2,60}}(?=[\s()\[\]|]|\.(?:\s|$)|$)(?:\s?\([^()\n]{{2,40}}+\))?[\])]?
    | \(?(?:Credit|Credits|CREDIT):\s(?:[^.()\[\]|\n]|{_INNER_STOP}){{2,60}}(?=[\s()\[\]|]|\.(?:\s|$)|$)\)?
    | (?:{_NAME}\s?/\s?){{1,3}}{_AGENCY}(?:\s?(?:/|via|-)\s?{_AGENCY}){{0,2}}
    | [\[(]?(?:via\s)?(?:Getty\sImages|Shutterstock|AFP\svia\sGetty\sImages|AP\sPhoto/{_NAME})[\])]?""",
    re.VERBOSE,
)

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec)[a-z]{0,6}\.?"
_DATE = rf"""(?:(?:(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?,?\s)?
    (?:{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?,?\s\d{{4}}|\d{{1,2}}(?:st|nd|rd|th)?\s{_MONTH},?\s\d{{4}}
    |\d{{1,2}}[/.]\d{{1,2}}[/.]\d{{2,4}}|\d{{4}}-\d{{2}}-\d{{2}}))"""
_TIME = r"(?:\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AaPp]\.?[Mm]\.?)?(?:\s[A-Z]{2,4}(?!\w))?)"
_AGO = (
    r"(?:(?:\d{1,2}|an?|one|two|three)\s?(?:seconds?|minutes?|mins?|hours?|hrs?|h|days?|d|weeks?|months?|years?)\sago)"
)
TIMESTAMP = re.compile(
    rf"""\(?\d{{1,2}}(?:\s|-)?min(?:ute)?s?\.?\sread\)?
    | (?:[Ee]st(?:\.|imated)\s)?[Rr]eading\s[Tt]ime:?\s\d{{1,3}}\s?min(?:ute)?s?
    | \(?(?:(?:[Ll]ast|[Ff]irst|[Oo]riginally)\s)?
        (?:[Uu]pdated|UPDATED|[Pp]ublished|PUBLISHED|[Pp]osted|POSTED|[Mm]odified|[Ee]dited)
        (?:\sby\s[A-Z]\w{{1,20}}(?:\s[A-Z]\w{{1,20}})?,?)?(?:\son|\sat)?:?\s
        (?:{_AGO}|(?:{_TIME},?\s)?{_DATE}(?:,?\s(?:at\s|[-–|]\s)?{_TIME})?|{_TIME}(?:,?\s{_DATE})?)\)?
    | (?<=[|·•]\s){_AGO} | {_AGO}(?=\s?[|·•]) | ^\s{{0,8}}{_AGO}(?=\s[A-Z])""",
    re.VERBOSE,
)
_POINTER = r"""(?:READ(?:\s(?:MORE|ALSO|NEXT))?|Read\s(?:[Aa]lso|[Nn]ext|[Mm]ore)|ALSO\sREAD|Also\s[Rr]ead
    |RELATED(?:\s(?:ARTICLES?|STORY|STORIES|POSTS?|VIDEO))?
    |Related(?:\s(?:[Aa]rticles?|[Ss]tory|[Ss]tories|[Pp]osts?|[Rr]eading|[Vv]ideo))?
    |SEE\sALSO|See\s[Aa]lso|WATCH(?:\sNOW)?|MORE(?:\s(?:ON|FROM)\s[\w\s]{1,20})?|DON['’]T\sMISS|Don['’]t\s[Mm]iss
    |You\s(?:[Mm]ay|[Mm]ight)\s[Aa]lso\s[Ll]ike|YOU\sMAY\sALSO\sLIKE|Recommended(?:\s[Rr]eading)?)\s?:\s?"""
RELATED = re.compile(
    rf"""[\[(]\s?{_POINTER}[^\[\]()\n]{{2,150}}+[\])]
    | {_POINTER}(?:[^.!?\n]|{_INNER_STOP}){{2,150}}+(?:[.!?]|(?=\s*+$))""",
    re.VERBOSE,
)
