"""What carries counts from the spool to the ledger: reads usage files, sends what has changed, removes what is confirmed.

Run it by ``python -m meterize_hooks.agent`` or ``meterize agent``, or let METERIZE_AGENT=thread run it in the metered process.
Nothing here is imported by the hooks before they are asked for that thread. The guarantees are in docs/agent.md.
"""
