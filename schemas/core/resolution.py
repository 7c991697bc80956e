"""Gives each column its type and writes each coercion down as a `Cast`, or refuses with the reason."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.core.errors import DefinitionError
from schemas.core.nodes import (
    And,
    Arithmetic,
    Cast,
    Column,
    Compare,
    IsIn,
    IsNull,
    Literal,
    Node,
    Not,
    Or,
    When,
)
from schemas.core.types import DECIMAL_DIGITS, Bool, Decimal, Float64, Int64, String, Timestamp, Type, type_name

_ORDERED = (Int64, Float64, Decimal, Timestamp)


def resolve(node: Node, fields: Mapping[str, Type]) -> Node:
    """The same expression with every type known; raises DefinitionError naming what is available."""
    match node:
        case Column(name):
            if name not in fields:
                listed = ", ".join(f"`{each}`" for each in sorted(fields))
                raise DefinitionError(f"unknown field `{name}`; available: {listed}")
            return Column(name, fields[name])
        case Literal() | Cast():
            return node
        case Compare(operator, left, right):
            left, right = _alike(resolve(left, fields), resolve(right, fields), f"`{operator}`")
            if operator not in ("=", "<>") and not isinstance(type_of(left), _ORDERED):
                raise DefinitionError(
                    f"`{operator}` on {type_name(type_of(left))} is refused: engines order it differently; "
                    "compare numbers or timestamps, or use `==`"
                )
            return Compare(operator, left, right)
        case IsIn(operand, among):
            operand = resolve(operand, fields)
            return IsIn(operand, tuple(_literal_like(each, type_of(operand)) for each in among))
        case And(left, right):
            return And(_boolean(left, fields, "`&`"), _boolean(right, fields, "`&`"))
        case Or(left, right):
            return Or(_boolean(left, fields, "`|`"), _boolean(right, fields, "`|`"))
        case Not(operand):
            return Not(_boolean(operand, fields, "`~`"))
        case IsNull(operand):
            return IsNull(resolve(operand, fields))
        case Arithmetic(operator, left, right):
            return Arithmetic(operator, _float(left, fields, operator), _float(right, fields, operator))
        case When(condition, then, otherwise):
            then, otherwise = _alike(resolve(then, fields), resolve(otherwise, fields), "`when`")
            _check_digits(then, otherwise)
            return When(_boolean(condition, fields, "`when`"), then, otherwise)


def resolve_part(part: str, node: Node, fields: Mapping[str, Type]) -> Node:
    """`resolve`, naming the part of the definition in which an error lies."""
    try:
        resolved = resolve(node, fields)
        type_of(resolved)
    except DefinitionError as error:
        raise DefinitionError(f"{part}: {error}") from error
    return resolved


def type_of(node: Node) -> Type:
    """The type of a resolved expression."""
    match node:
        case Column(_, of) | Literal(_, of):
            if of is None:
                raise DefinitionError("a null constant alone has no type; use it beside a value")
            return of
        case Cast(_, to):
            return to
        case Arithmetic():
            return Float64()
        case When(_, then, _):
            return type_of(then)
        case Compare() | IsIn() | And() | Or() | Not() | IsNull():
            return Bool()


def columns_of(node: Node) -> frozenset[str]:
    """The names of the fields that an expression reads."""
    match node:
        case Column(name):
            return frozenset((name,))
        case Literal():
            return frozenset()
        case Cast(operand, _) | IsIn(operand, _) | Not(operand) | IsNull(operand):
            return columns_of(operand)
        case Compare(_, left, right) | Arithmetic(_, left, right) | And(left, right) | Or(left, right):
            return columns_of(left) | columns_of(right)
        case When(condition, then, otherwise):
            return columns_of(condition) | columns_of(then) | columns_of(otherwise)


def to_float(node: Node) -> Node:
    """A resolved int64 or float64 expression as float64; a constant becomes one, so `1` and `1.0` mean the same."""
    if isinstance(node, Literal) and isinstance(node.value, int):
        return Literal(float(node.value), Float64())
    return node if isinstance(type_of(node), Float64) else Cast(node, Float64())


def _boolean(node: Node, fields: Mapping[str, Type], where: str) -> Node:
    resolved = resolve(node, fields)
    if isinstance(resolved, Literal) and resolved.type is None:
        return Literal(None, Bool())
    if not isinstance(type_of(resolved), Bool):
        raise DefinitionError(f"{where} needs a condition, not {type_name(type_of(resolved))}; compare it first")
    return resolved


def _float(node: Node, fields: Mapping[str, Type], operator: str) -> Node:
    resolved = resolve(node, fields)
    if isinstance(resolved, Literal) and resolved.type is None:
        raise DefinitionError(f"`{operator}` with null is always null; leave it out")
    of = type_of(resolved)
    if not isinstance(of, Int64 | Float64):
        raise DefinitionError(
            f"`{operator}` on {type_name(of)} is refused: engines do not agree on it; "
            "arithmetic takes int64 and float64, and gives float64"
        )
    return to_float(resolved)


def _alike(left: Node, right: Node, where: str) -> tuple[Node, Node]:
    """Both sides widened to one type."""
    left, right = _typed_null(left, right), _typed_null(right, left)
    of, other = type_of(left), type_of(right)
    if of == other:
        return left, right
    match of, other:
        case (Int64(), Float64()) | (Float64(), Int64()):
            return to_float(left), to_float(right)
        case (Decimal(a), Decimal(b)):
            return _decimal(left, max(a, b)), _decimal(right, max(a, b))
        case (Int64(), Decimal(scale)) | (Decimal(scale), Int64()):
            return _decimal(left, scale), _decimal(right, scale)
    hint = "; write the constant as an aware datetime" if {Timestamp(), String()} == {of, other} else ""
    raise DefinitionError(f"{where} mixes {type_name(of)} and {type_name(other)}; give both sides one type{hint}")


def _typed_null(node: Node, beside: Node) -> Node:
    if isinstance(node, Literal) and node.type is None:
        return Literal(None, type_of(beside))
    return node


def _decimal(node: Node, scale: int) -> Node:
    of = type_of(node)
    if of == Decimal(scale):
        return node
    if isinstance(node, Literal) and isinstance(node.value, int):
        widened = node.value * 10 ** (scale - (of.scale if isinstance(of, Decimal) else 0))
        if abs(widened) < 10**DECIMAL_DIGITS:
            return Literal(widened, Decimal(scale))
    return Cast(node, Decimal(scale))


def _check_digits(then: Node, otherwise: Node) -> None:
    """What `when` gives may be stored, and a stored decimal has 18 digits; a comparison has 38 to widen into."""
    for each in (then, otherwise):
        if isinstance(each, Cast) and isinstance(each.to, Decimal):
            raise DefinitionError(
                f"`when` widens {type_name(type_of(each.operand))} to {type_name(each.to)}, which may take more than "
                f"{DECIMAL_DIGITS} digits; give both sides one type"
            )


def _literal_like(constant: Literal, of: Type) -> Literal:
    widened: Node = constant
    match of, constant.type:
        case Float64(), Int64():
            widened = to_float(constant)
        case Decimal(scale), Int64():
            widened = _decimal(constant, scale)
        case Decimal(scale), Decimal(own) if own <= scale:
            widened = _decimal(constant, scale)
    if not isinstance(widened, Literal):
        raise DefinitionError(f"`is_in` on {type_name(of)} is given a constant that has no place in it; leave it out")
    if widened.type != of:
        given = type_name(constant.type) if constant.type else "null"
        raise DefinitionError(f"`is_in` on {type_name(of)} is given {given}; write constants of that type")
    return widened
