"""Functions of the step that remember their calls, each with what shows its memory."""


def counter():
    seen = 0

    def factor(step):
        nonlocal seen
        seen += 1
        return 1.0 / seen

    return factor, lambda: seen


def popping():
    values = [1.0 / n for n in range(1, 400)]
    return (lambda step: values.pop(0)), lambda: len(values)


def growing():
    def factor(step, seen=[]):  # noqa: B006
        seen.append(step)
        return 1.0 / len(seen)

    return factor, lambda: len(factor.__defaults__[0])
