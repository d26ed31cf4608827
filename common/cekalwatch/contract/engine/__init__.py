"""How a message is read and written by the types of a value's fields. It knows no message of the contract."""
