"""The sample pages of the prompt-format probe: noisy pages that need edits, and pages not worth keeping.

They were written for the probe and stay fixed, so that the format it chooses depends on the model alone.
"""

from prox_assets.refiners.protocol import RefinerInput

_LIGHTHOUSE = """Home | Travel | Food | Shop | About us
Skip to main content
Share on Facebook Share on Twitter Share by e-mail
The lighthouse at Harrow Point
The tower was finished in 1871 after two winters in which storms had carried the scaffolding away. Its keeper lit \
the lamp every evening at dusk and wound the clockwork that turned the lens by hand, once every four hours.
When electricity reached the island in 1936, the clockwork was kept as a reserve. It still works: on the first Sunday \
of each month visitors may wind it themselves.
The lens weighs almost three tonnes and floats on a ring of mercury, so that a child can turn it with one finger.
Leave a comment
Related posts: Ten beaches for rainy days | The best fish soup in town
Copyright 2014 Harrow Bay Tourist Board. All rights reserved. Privacy policy | Terms of use"""

_PHOTOSYNTHESIS = """Menu
Biology
Chemistry
Physics
Log in
How plants store light
In the first stage of photosynthesis, chlorophyll absorbs light and water is split into oxygen, protons and electrons.
The electrons travel along a chain of proteins in the thylakoid membrane and drive protons across it.
In the second stage, the Calvin cycle, the cell spends the stored energy to bind carbon dioxide and build sugar.
A leaf therefore needs light for the first stage only; the second one can go on for a while in the dark.
http://www.example.org/biology/photosynthesis?session=83f1c2&ref=nav
Was this page helpful? Yes No
Subscribe to our newsletter
We use cookies to improve your experience. Accept all"""

_BREAD = """RECIPES > BREAD > RYE
Print this page
Rye bread with caraway
Mix 400 g of rye flour with 300 g of lukewarm water and the sourdough, and let it rest overnight.
Next morning add the salt, the caraway and the remaining flour, and knead for ten minutes until the dough is smooth.
Let it rise in a basket until it has grown by half, which takes two to three hours in a warm kitchen.
Bake it for fifteen minutes at 240 degrees and for another forty minutes at 200 degrees.
Rating: 4.5 (213 votes)
Pin it
Previous recipe
Next recipe
Follow us on Instagram"""

_SORTING = """Forum index -> Programming -> Algorithms
Register | Members | Search | FAQ
Why is my sort so slow?
My insertion sort takes several minutes for a list of a million numbers, although it is instant for a thousand.
Insertion sort compares each element with all those before it, so a list a thousand times longer takes a million times \
as long. Merge sort halves the list again and again, and needs about twenty comparisons per element for a million.
Use the sort that your language brings along, unless you are doing this in order to learn.
Reply with quote
Report this post
Page 1 of 3
Powered by BoardSoft 2.1"""

_SPAM = """cheap watches cheap bags cheap shoes buy now
best price best price best price free shipping worldwide
click here click here click here
casino bonus no deposit casino bonus no deposit casino bonus no deposit
buy followers buy likes buy views cheap cheap cheap
order now limited offer order now limited offer"""

_LINK_LIST = """A B C D E F G H I J K L M
Aardvark Removals
Abbey Road Dental
Able Plumbing
Acorn Flooring
Next page
Add your company
Contact
Sitemap"""

_TIDES = """Advertisement
Sign in | Create account
Why there are two tides a day
The Moon pulls more strongly on the water that faces it than on the Earth as a whole, and less strongly on \
the water on the far side. Both bulges rise by about half a metre in the open ocean.
As the Earth turns, each place passes through both of them within a little less than twenty-five hours.
Where the coast narrows into a funnel, the same bulge can rise by more than ten metres.
Tags: moon, ocean, physics
12 comments
Load more"""

_ERROR_PAGE = """404
Page not found
The page you requested could not be found.
Go back
Home"""

PROBE_PAGES: tuple[RefinerInput, ...] = tuple(
    RefinerInput(f"probe-{number}", text)
    for number, text in enumerate(
        (_LIGHTHOUSE, _PHOTOSYNTHESIS, _SPAM, _BREAD, _SORTING, _LINK_LIST, _TIDES, _ERROR_PAGE)
    )
)
