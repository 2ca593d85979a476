//! The view of a directory that a request asks for: its form and its order.

use crate::http::accept::media_type_quality;
use crate::http::coding::Coding;
use crate::http::request::RequestHead;

/// A way to show a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The format.
    pub form: Form,
    /// The order of the entries.
    pub order: Order,
    /// The content coding, if there is one.
    pub coding: Option<Coding>,
}

/// The format of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// An HTML page.
    #[default]
    Page,
    /// JSON.
    Json,
}

/// The order of entries. Directories always come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The column to sort by.
    pub by: Column,
    /// The direction.
    pub direction: Direction,
}

/// A column that entries can be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Column {
    /// The name, without regard to case, with digits compared as numbers.
    #[default]
    Name,
    /// The extension of the name.
    Type,
    /// The size in bytes.
    Size,
    /// The time of the last change.
    Time,
}

/// The direction of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// From the first letter, the smallest or the oldest.
    #[default]
    Ascending,
    /// From the last letter, the largest or the newest.
    Descending,
}

impl View {
    /// Returns the view that a request asks for, in the content coding selected for it. Unspecified
    /// or unknown parts take their default.
    pub fn of(request: &RequestHead<'_>, coding: Option<Coding>) -> Self {
        let query = request
            .target
            .path_and_query()
            .and_then(|target| target.query);
        // RFC 9110 §12.4.1: a client that accepts neither still gets the page, since browsers can
        // show it. The page also wins a tie.
        let wants = |media_type| media_type_quality(&request.fields, media_type);
        let form = if wants("application/json") > wants("text/html") {
            Form::Json
        } else {
            Form::Page
        };
        Self {
            form,
            order: Order::of_query(query.unwrap_or_default()),
            coding,
        }
    }
}

impl Form {
    /// Returns the `Content-Type` of this form.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Page => "text/html; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }
}

impl Column {
    /// Returns the name in a query.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Type => "type",
            Self::Size => "size",
            Self::Time => "time",
        }
    }
}

impl Order {
    /// Reads `sort` and `order` from a query. The first valid value of each counts.
    fn of_query(query: &[u8]) -> Self {
        let members = || query.split(|byte| *byte == b'&');
        let by = members().find_map(|member| match member {
            b"sort=name" => Some(Column::Name),
            b"sort=type" => Some(Column::Type),
            b"sort=size" => Some(Column::Size),
            b"sort=time" => Some(Column::Time),
            _ => None,
        });
        let direction = members().find_map(|member| match member {
            b"order=asc" => Some(Direction::Ascending),
            b"order=desc" => Some(Direction::Descending),
            _ => None,
        });
        Self {
            by: by.unwrap_or_default(),
            direction: direction.unwrap_or_default(),
        }
    }

    /// Returns the only query that asks for this order, with its question mark; empty for the
    /// default order.
    pub(super) const fn query(self) -> &'static str {
        use Direction::{Ascending, Descending};
        match (self.by, self.direction) {
            (Column::Name, Ascending) => "",
            (Column::Name, Descending) => "?sort=name&order=desc",
            (Column::Type, Ascending) => "?sort=type&order=asc",
            (Column::Type, Descending) => "?sort=type&order=desc",
            (Column::Size, Ascending) => "?sort=size&order=asc",
            (Column::Size, Descending) => "?sort=size&order=desc",
            (Column::Time, Ascending) => "?sort=time&order=asc",
            (Column::Time, Descending) => "?sort=time&order=desc",
        }
    }

    /// Returns the order after a click on a column's head: the reverse if that column is sorted
    /// already, otherwise the direction that users most likely want.
    pub(super) fn after_click(self, by: Column) -> Self {
        let direction = if self.by == by {
            self.direction.reverse()
        } else {
            match by {
                Column::Name | Column::Type => Direction::Ascending,
                // Users sort by these to find the largest or the newest.
                Column::Size | Column::Time => Direction::Descending,
            }
        };
        Self { by, direction }
    }
}

impl Direction {
    /// Returns the name in a query.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }

    const fn reverse(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn order(by: Column, direction: Direction) -> Order {
        Order { by, direction }
    }

    #[test]
    fn an_order_is_read_from_the_query_and_unknown_values_are_ignored() {
        use Column::{Name, Size, Time, Type};
        use Direction::{Ascending, Descending};
        for (query, expected) in [
            ("", order(Name, Ascending)),
            ("sort=size", order(Size, Ascending)),
            ("sort=size&order=desc", order(Size, Descending)),
            ("order=desc", order(Name, Descending)),
            ("order=desc&sort=type", order(Type, Descending)),
            ("a=b&sort=time&&utm=1", order(Time, Ascending)),
            ("sort=size&sort=time", order(Size, Ascending)),
            ("sort=name&sort=time", order(Name, Ascending)),
            ("order=asc&order=desc", order(Name, Ascending)),
            ("order=desc&order=asc", order(Name, Descending)),
            ("sort=colour&sort=time", order(Time, Ascending)),
            ("sort=Size&order=DESC", order(Name, Ascending)),
            ("sort=size%20", order(Name, Ascending)),
            ("sort", order(Name, Ascending)),
            ("sort=&order=", order(Name, Ascending)),
        ] {
            assert_eq!(Order::of_query(query.as_bytes()), expected, "{query}");
        }
    }

    #[test]
    fn each_order_has_one_query_that_asks_for_it() {
        for by in [Column::Name, Column::Type, Column::Size, Column::Time] {
            for direction in [Direction::Ascending, Direction::Descending] {
                let order = order(by, direction);
                let query = order.query().trim_start_matches('?');
                assert_eq!(Order::of_query(query.as_bytes()), order);
                assert_eq!(order.after_click(by).after_click(by), order);
            }
        }
        let clicked = Order::default().after_click(Column::Size);
        assert_eq!(clicked, order(Column::Size, Direction::Descending));
        assert_eq!(clicked.after_click(Column::Name), Order::default());
    }
}
