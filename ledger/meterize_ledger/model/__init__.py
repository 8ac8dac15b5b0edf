"""Values: what is sent, what is recorded, how records are chained. No database, no network.

Those that come by the thousand are kept from the garbage collector (``gc=False``): nothing in them leads back to them.
"""
