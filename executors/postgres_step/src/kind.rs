//! The types that a value may have on either side of the wire, by their numbers in every Postgres.

/// A type that JSON can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric,
    Text,
    Json,
    Jsonb,
    Uuid,
    Bytes,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Void,
}

/// Type, its number, and the number of its array (0: none).
const NUMBERS: [(Kind, u32, u32); 23] = [
    (Kind::Bool, 16, 1000),
    (Kind::Bytes, 17, 1001),
    (Kind::Text, 18, 1002),
    (Kind::Text, 19, 1003),
    (Kind::Int8, 20, 1016),
    (Kind::Int2, 21, 1005),
    (Kind::Int4, 23, 1007),
    (Kind::Text, 25, 1009),
    (Kind::Oid, 26, 1028),
    (Kind::Json, 114, 199),
    (Kind::Float4, 700, 1021),
    (Kind::Float8, 701, 1022),
    (Kind::Text, 705, 0),
    (Kind::Text, 1042, 1014),
    (Kind::Text, 1043, 1015),
    (Kind::Date, 1082, 1182),
    (Kind::Time, 1083, 1183),
    (Kind::Timestamp, 1114, 1115),
    (Kind::Timestamptz, 1184, 1185),
    (Kind::Numeric, 1700, 1231),
    (Kind::Void, 2278, 0),
    (Kind::Uuid, 2950, 2951),
    (Kind::Jsonb, 3802, 3807),
];

impl Kind {
    /// The type of a number.
    pub(crate) fn of(oid: u32) -> Option<Self> {
        let found = NUMBERS.iter().find(|(_, number, _)| *number == oid);
        found.map(|(kind, ..)| *kind)
    }

    /// The element, and its number, of an array's number.
    pub(crate) fn element_of(oid: u32) -> Option<(Self, u32)> {
        let found = NUMBERS.iter().find(|(.., array)| oid != 0 && *array == oid);
        found.map(|(kind, number, _)| (*kind, *number))
    }
}
