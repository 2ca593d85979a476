//! What a request wants to see of a directory: in which form, and in which order.

use crate::http::accept::media_type_quality;
use crate::http::coding::{Coding, CodingSet};
use crate::http::request::RequestHead;
use crate::plan::select_coding;

/// One of the ways to show a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// As what.
    pub form: Form,
    /// In which order.
    pub order: Order,
    /// In which coding, if in any.
    pub coding: Option<Coding>,
}

/// As what a directory is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// As a page.
    #[default]
    Page,
    /// As JSON.
    Json,
}

/// In which order entries stand. Directories come first in each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub by: Column,
    /// Which way.
    pub direction: Direction,
}

/// What entries can be ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Column {
    /// The name, without regard to case, and numbers in it as numbers.
    #[default]
    Name,
    /// The extension of the name.
    Type,
    /// The size in bytes.
    Size,
    /// The time of the last change.
    Time,
}

/// Which way an order goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// From the first letter, the smallest, the oldest.
    #[default]
    Ascending,
    /// From the last letter, the largest, the newest.
    Descending,
}

impl View {
    /// What a request asks for. What it does not say, or says in words that have no meaning here,
    /// is as if it had not been asked.
    pub fn of(request: &RequestHead<'_>, codings: CodingSet) -> Self {
        let query = request
            .target
            .path_and_query()
            .and_then(|target| target.query);
        // RFC 9110 §12.4.1: whoever takes neither gets the page all the same, as browsers can show
        // it; on a tie it is the page, too.
        let wants = |media_type| media_type_quality(&request.fields, media_type);
        let form = if wants("application/json") > wants("text/html") {
            Form::Json
        } else {
            Form::Page
        };
        Self {
            form,
            order: Order::of_query(query.unwrap_or_default()),
            coding: select_coding(&request.fields, codings),
        }
    }

    /// What tells it from every other view.
    pub fn name(self) -> String {
        let form = match self.form {
            Form::Page => "page",
            Form::Json => "json",
        };
        let coding = self.coding.map_or("identity", Coding::name);
        format!("{form}{} {coding}", self.order.query())
    }
}

impl Column {
    /// The name in a query.
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
    /// Reads `sort` and `order` from a query; of several, the first that has a meaning.
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

    /// The one query that asks for this order, with its question mark; none for the usual one.
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

    /// The order that a click on the head of a column leads to: from the one that it is in already
    /// to its reverse, else to the one that is most likely wanted.
    pub(super) fn after_click(self, by: Column) -> Self {
        let direction = if self.by == by {
            self.direction.reverse()
        } else {
            match by {
                Column::Name | Column::Type => Direction::Ascending,
                // Who sorts by these looks for the largest, or the newest.
                Column::Size | Column::Time => Direction::Descending,
            }
        };
        Self { by, direction }
    }
}

impl Direction {
    /// The name in a query.
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
    fn an_order_is_read_from_the_query_and_what_is_unknown_is_not() {
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
