"""A realistic function with loops, branches, a try and an early return; a hook stands in every block."""

LINES = (
    "id,name,net,tax,note",
    '1,"Ada",12.50,0.19,first',
    '2,"Grace, Rear Admiral",99,0.07,"said ""it is a bug"""',
    "3,Edsger,-,0.19,",
    "# a comment",
    "4,Barbara,250.00,0.19,substitutes",
)


def split(line):
    fields = []
    field = ""
    quoted = False
    for sign in line:
        if sign == '"':
            quoted = not quoted
        elif sign == "," and not quoted:
            fields.append(field)
            field = ""
        else:
            field += sign
    if quoted:
        raise ValueError(line)  # unreached
    fields.append(field)
    return fields


def total_of(lines):
    head = None
    total = 0.0
    skipped = 0
    for line in lines:
        if line.startswith("#"):
            continue
        fields = split(line)
        if head is None:
            head = fields
            continue
        if len(fields) != len(head):
            raise ValueError(line)  # unreached
        try:
            net = float(fields[2])
        except ValueError:
            skipped += 1
            continue
        total += net * (1 + float(fields[3]))
    if head is None:
        return None  # unreached
    return total, skipped


def work(turns):
    for _ in range(turns):
        total_of(LINES)
