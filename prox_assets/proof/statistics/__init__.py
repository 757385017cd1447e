"""How sure a proof is: paired bootstrap over seeds and sites, Holm, detectable effects, agreement between sizes."""
