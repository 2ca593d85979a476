//! A queue in which clients take turns, however many items one of them has, and the users that a
//! client names take turns likewise. Pure.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// The waiting items, by client.
#[derive(Debug)]
pub(super) struct FairQueue<K, U, T> {
    /// The clients that have items, starting with the next one.
    turns: VecDeque<K>,
    waiting: HashMap<K, OfClient<U, T>>,
    count: usize,
    /// Returns `true` for clients of one network, which a single party may have as a whole.
    is_near: fn(&K, &K) -> bool,
}

/// The waiting items of one client.
#[derive(Debug)]
struct OfClient<U, T> {
    items: VecDeque<(U, T)>,
    /// The user who had the last turn.
    last: Option<U>,
}

/// The reason why an item is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// This client has reached its limit, or its network has.
    ForClient,
    /// All clients together have reached the limit.
    ForAll,
}

impl<K: Clone + Eq + Hash, U: Eq, T> FairQueue<K, U, T> {
    pub(super) fn new(is_near: fn(&K, &K) -> bool) -> Self {
        Self {
            turns: VecDeque::new(),
            waiting: HashMap::new(),
            count: 0,
            is_near,
        }
    }

    /// Adds an item after those of the same client and user.
    pub(super) fn push(&mut self, client: K, user: U, item: T) -> Result<(), Full> {
        let own = self.waiting.get(&client).map(|own| &own.items);
        let of_user = own.map_or(0, |own| own.iter().filter(|(it, _)| *it == user).count());
        if own.is_some_and(|own| own.len() >= OF_CLIENT_MAX) || of_user >= OF_USER_MAX {
            return Err(Full::ForClient);
        }
        let near = self
            .waiting
            .iter()
            .filter(|(other, _)| (self.is_near)(&client, other));
        if near.map(|(_, own)| own.items.len()).sum::<usize>() >= OF_NETWORK_MAX {
            return Err(Full::ForClient);
        }
        if self.count >= OF_ALL_MAX {
            return Err(Full::ForAll);
        }
        if own.is_none() {
            self.turns.push_back(client.clone());
        }
        let own = self.waiting.entry(client).or_insert_with(|| OfClient {
            items: VecDeque::new(),
            last: None,
        });
        own.items.push_back((user, item));
        self.count += 1;
        Ok(())
    }

    /// Returns the first item of the next client, for another user than the last one if possible.
    pub(super) fn pop(&mut self) -> Option<T> {
        let client = self.turns.pop_front()?;
        let own = self.waiting.get_mut(&client)?;
        let mut items = own.items.iter();
        let next = items.position(|(user, _)| Some(user) != own.last.as_ref());
        let (user, item) = own.items.remove(next.unwrap_or(0))?;
        self.count = self.count.saturating_sub(1);
        own.last = Some(user);
        if own.items.is_empty() {
            self.waiting.remove(&client);
        } else {
            self.turns.push_back(client);
        }
        Some(item)
    }

    /// Removes the items that are no longer wanted.
    pub(super) fn retain(&mut self, mut is_wanted: impl FnMut(&T) -> bool) {
        for own in self.waiting.values_mut() {
            own.items.retain(|(_, item)| is_wanted(item));
        }
        self.waiting.retain(|_, own| !own.items.is_empty());
        self.turns
            .retain(|client| self.waiting.contains_key(client));
        self.count = self.waiting.values().map(|own| own.items.len()).sum();
    }
}

/// The most items of one client: a page and its resources, over the six connections that a browser
/// opens.
const OF_CLIENT_MAX: usize = 8;

/// The most items of one client and one user, so that others at the same address have room.
const OF_USER_MAX: usize = 6;

/// The most items of one network, so that nobody fills the queue with addresses of its own.
const OF_NETWORK_MAX: usize = OF_ALL_MAX / 4;

/// The most items of all clients. With recommended hashes, the last one waits for some ten seconds.
const OF_ALL_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_take_turns_however_many_items_one_of_them_has() {
        let mut queue = FairQueue::new(|_, _| false);
        for number in 0..4 {
            queue.push("a", "x", number).unwrap();
        }
        queue.push("b", "x", 10).unwrap();
        assert_eq!(queue.pop(), Some(0));
        queue.push("c", "x", 20).unwrap();
        let rest: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(rest, [10, 1, 20, 2, 3]);
        queue.push("a", "x", 4).unwrap();
        assert_eq!((queue.pop(), queue.pop()), (Some(4), None));
    }

    #[test]
    fn users_of_one_client_take_turns() {
        let mut queue = FairQueue::new(|_, _| false);
        for number in 0..OF_USER_MAX {
            queue.push("a", "x", number).unwrap();
        }
        assert_eq!(queue.push("a", "x", 6), Err(Full::ForClient));
        assert_eq!(queue.pop(), Some(0));
        queue.push("a", "y", 10).unwrap();
        queue.push("a", "y", 11).unwrap();
        let rest: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(rest, [10, 1, 11, 2, 3, 4, 5]);
    }

    #[test]
    fn the_items_of_each_client_and_of_all_are_limited() {
        let mut queue = FairQueue::new(|_, _| false);
        for user in 0..OF_CLIENT_MAX {
            queue.push(0, user, ()).unwrap();
        }
        assert_eq!(queue.push(0, 99, ()), Err(Full::ForClient));
        for client in OF_CLIENT_MAX..OF_ALL_MAX {
            queue.push(client, 0, ()).unwrap();
        }
        assert_eq!(queue.push(OF_ALL_MAX, 0, ()), Err(Full::ForAll));
        queue.pop();
        assert_eq!(queue.push(0, 99, ()), Ok(()));
    }

    #[test]
    fn one_network_cannot_fill_the_queue() {
        let mut queue = FairQueue::new(|one: &(u8, usize), other| one.0 == other.0);
        for client in 0..OF_NETWORK_MAX {
            queue.push((0, client), "x", ()).unwrap();
        }
        assert_eq!(queue.push((0, 999), "x", ()), Err(Full::ForClient));
        assert_eq!(queue.push((1, 0), "x", ()), Ok(()));
        queue.pop();
        assert_eq!(queue.push((0, 999), "x", ()), Ok(()));
    }

    #[test]
    fn unwanted_items_make_room() {
        let mut queue = FairQueue::new(|_, _| false);
        for number in 0..3 {
            queue.push("a", "x", number).unwrap();
            queue.push("b", "x", 10 + number).unwrap();
        }
        queue.retain(|number| *number > 2 && *number != 11);
        let rest: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(rest, [10, 12]);
    }
}
