"""The methods of the contract, a service each: what each asks and answers, and who may call it.

Clients make calls from these rows, servers serve them, and the table of rights is made of them.
"""
