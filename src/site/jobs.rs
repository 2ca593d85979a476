//! Work for a response that takes longer than a turn of the loop may: done in steps, a few a turn.
//!
//! A job lives as long as somebody waits for it, so there are never more jobs than connections.

use super::cache::Cache;
use super::digest::Digests;
use super::{File, Miss};
use crate::plan::Policy;
use std::cell::OnceCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

/// What work came to.
pub type Outcome = Result<Rc<File>, Miss>;

/// Work that can be left after each step.
pub(super) trait Work: fmt::Debug {
    /// Does a step, which takes well below a millisecond: what all of it came to, if it was the
    /// last.
    fn step(&mut self, means: &mut Means<'_>) -> Option<Outcome>;

    /// Whether what it comes to will be true for somebody who asks only now.
    fn is_open(&self) -> bool {
        true
    }
}

/// What work may use of the site.
#[derive(Debug)]
pub(super) struct Means<'a> {
    /// Where to keep what is made; `None` if it is about what was.
    pub(super) cache: Option<&'a mut Cache>,
    pub(super) policy: &'a Policy,
    /// Where to keep hashes that are made.
    pub(super) digests: &'a Digests,
}

/// A claim on what a job will come to. The job ends with the last claim.
#[derive(Clone, Debug)]
pub struct Pending {
    outcome: Rc<OnceCell<Outcome>>,
}

impl Pending {
    /// What the job came to, once it is done.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome.get().cloned()
    }

    /// Whether the job is done.
    pub fn is_done(&self) -> bool {
        self.outcome.get().is_some()
    }
}

/// Jobs under way, which take turns step by step: a short one is not held up for the whole of a
/// long one.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    queue: VecDeque<Job>,
}

#[derive(Debug)]
struct Job {
    subject: Box<[u8]>,
    outcome: Rc<OnceCell<Outcome>>,
    work: Box<dyn Work>,
}

impl Jobs {
    /// A claim on the job with this subject, if there is one. Equal subjects are to mean equal
    /// outcomes: what is served is never older than the turn in which it was asked for, whoever
    /// began to make it.
    pub(super) fn join(&self, subject: &[u8]) -> Option<Pending> {
        let is_same = |job: &&Job| *job.subject == *subject && job.work.is_open();
        let job = self.queue.iter().find(is_same)?;
        let outcome = Rc::clone(&job.outcome);
        Some(Pending { outcome })
    }

    /// Begins a job.
    pub(super) fn begin(&mut self, subject: &[u8], work: Box<dyn Work>) -> Pending {
        let outcome = Rc::new(OnceCell::new());
        self.queue.push_back(Job {
            subject: subject.into(),
            outcome: Rc::clone(&outcome),
            work,
        });
        Pending { outcome }
    }

    /// Takes over other jobs, which nobody can join any more: they are about what was.
    pub(super) fn adopt(&mut self, others: &mut Self) {
        let others = others.queue.drain(..).map(|job| Job {
            subject: Box::default(),
            ..job
        });
        self.queue.extend(others);
    }

    /// Whether there is anything to be done.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Does a step of the job whose turn it is: whether that was its last, so that whoever waits
    /// for it can go on.
    pub(super) fn advance(&mut self, means: &mut Means<'_>) -> bool {
        let Some(mut job) = self.queue.pop_front() else {
            return false;
        };
        let is_awaited = Rc::strong_count(&job.outcome) > 1;
        if !is_awaited {
            return false;
        }
        if job.subject.is_empty() {
            means.cache = None;
        }
        let Some(outcome) = job.work.step(means) else {
            self.queue.push_back(job);
            return false;
        };
        // It is set here alone, and the job is gone then.
        job.outcome.set(outcome).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// Writes its name down with each step.
    #[derive(Debug)]
    struct Steps {
        name: char,
        left: usize,
        diary: Rc<RefCell<String>>,
    }

    impl Work for Steps {
        fn step(&mut self, _: &mut Means<'_>) -> Option<Outcome> {
            self.diary.borrow_mut().push(self.name);
            self.left -= 1;
            (self.left == 0).then_some(Err(Miss::Nothing))
        }
    }

    #[derive(Default)]
    struct Bench {
        jobs: Jobs,
        diary: Rc<RefCell<String>>,
    }

    impl Bench {
        fn begin(&mut self, name: char, left: usize) -> Pending {
            let diary = Rc::clone(&self.diary);
            let work = Box::new(Steps { name, left, diary });
            self.jobs.begin(name.to_string().as_bytes(), work)
        }

        fn advance(&mut self) -> bool {
            self.jobs.advance(&mut Means {
                cache: None,
                policy: &Policy::default(),
                digests: &Digests::new(),
            })
        }

        /// Steps until nothing is left: how many jobs were done.
        fn finish(&mut self) -> usize {
            let mut done = 0;
            while !self.jobs.is_empty() {
                done += usize::from(self.advance());
            }
            done
        }
    }

    #[test]
    fn jobs_take_turns_step_by_step() {
        let mut bench = Bench::default();
        let long = bench.begin('l', 4);
        let short = bench.begin('s', 2);
        assert!(!long.is_done() && short.outcome().is_none());
        assert_eq!(bench.finish(), 2);
        assert_eq!(*bench.diary.borrow(), "lslsll");
        assert!(matches!(long.outcome(), Some(Err(Miss::Nothing))));
        assert!(short.is_done());
    }

    #[test]
    fn what_is_made_already_is_waited_for_and_not_made_twice() {
        let mut bench = Bench::default();
        let first = bench.begin('a', 2);
        assert!(bench.jobs.join(b"b").is_none());
        let second = bench.jobs.join(b"a").unwrap();
        drop(first);
        assert_eq!(bench.finish(), 1);
        assert_eq!(*bench.diary.borrow(), "aa");
        assert!(second.is_done());
        assert!(bench.jobs.join(b"a").is_none(), "it is under way no more");
    }

    #[test]
    fn adopted_jobs_are_finished_and_not_joined() {
        let (mut bench, mut heir) = (Bench::default(), Bench::default());
        let pending = bench.begin('a', 2);
        heir.jobs.adopt(&mut bench.jobs);
        assert!(bench.jobs.is_empty() && heir.jobs.join(b"a").is_none());
        assert_eq!(heir.finish(), 1);
        assert!(pending.is_done());
    }

    #[test]
    fn what_nobody_waits_for_is_left() {
        let mut bench = Bench::default();
        let left = bench.begin('l', 100);
        let kept = bench.begin('k', 2);
        bench.advance();
        drop(left);
        assert_eq!(bench.finish(), 1);
        assert_eq!(*bench.diary.borrow(), "lkk");
        assert!(kept.is_done());
    }
}
