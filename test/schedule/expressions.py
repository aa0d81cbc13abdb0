"""Random cron expressions, from a seed: mostly right, some wrong."""

MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
DAYS = "sun mon tue wed thu fri sat".split()
LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7), (0, 59), (1970, 2099))


def value(r, field):
    """One value of a field."""
    if field == 3 and r.random() < 0.3:
        return r.choice(MONTHS)
    if field == 4 and r.random() < 0.3:
        return r.choice(DAYS)
    low, high = LIMITS[field]
    if field == 6:
        low, high = 2024, 2040
    return str(r.randint(low, high))


def item(r, field, wild):
    """One item of a list."""
    x = r.random()
    if x < 0.5:
        out = value(r, field)
    elif x < 0.7:
        out = "*/" + str(r.choice((1, 2, 3, 5, 7, 10, 15, 20, 30)))
    elif x < 0.9:
        a, b = value(r, field), value(r, field)
        out = f"{a}-{b}" + (f"/{r.randint(1, 7)}" if r.random() < 0.3 else "")
    else:
        out = f"{value(r, field)}/{r.randint(1, 20)}"
    if wild and field == 2 and r.random() < 0.5:
        out = r.choice(("l", "L", f"{r.randint(1, 31)}w", f"W{r.randint(1, 31)}", f"{r.randint(1, 31)}-l"))
    if wild and field == 4 and r.random() < 0.5:
        out = r.choice((f"{r.choice(DAYS)}#{r.randint(1, 5)}", f"{r.randint(0, 6)}#{r.randint(1, 5)}", f"L{r.randint(0, 6)}", "mon-fri#2"))
    return out.upper() if r.random() < 0.1 else out


def expression(r):
    """A whole one."""
    length = r.choice((5, 5, 5, 5, 5, 6, 7))
    fields, wild = [], r.random() < 0.3
    for field in range(length):
        star = (0.2, 0.4, 0.6, 0.7, 0.6, 0.1, 0.3)[field]
        if r.random() < star:
            fields.append("?" if field in (2, 4) and r.random() < 0.1 else "*")
        else:
            fields.append(",".join(item(r, field, wild) for _ in range(r.choice((1, 1, 1, 2, 3)))))
    if r.random() < 0.02:
        fields[r.randrange(length)] = r.choice(("61", "x", "*/0", "1-", "-1", "1,,2", "h", "r/5", "?", "0-99", "mon", "l", "1#1"))
    return " ".join(fields)
