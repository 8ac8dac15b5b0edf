"""All knowledge of the interpreter: versions, opcodes, tables, code identity, pyc files."""
