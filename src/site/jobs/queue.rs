//! Work for a response that takes longer than a tick allows, done in steps, a few each tick.
//!
//! A job exists only while a request waits for it, so there are never more jobs than connections.

use super::key::JobKey;
use super::task::{JobContext, Outcome, Task};
use std::cell::OnceCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// A handle to the result of a job. The job ends when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct JobHandle {
    outcome: Rc<OnceCell<Outcome>>,
}

impl JobHandle {
    /// Returns the result, once the job is done.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome.get().cloned()
    }

    /// Returns `true` if the job is done.
    pub fn is_done(&self) -> bool {
        self.outcome.get().is_some()
    }
}

/// The jobs in progress. They take turns step by step, so a short job does not wait for the whole
/// of a long one.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    queue: VecDeque<Job>,
}

#[derive(Debug)]
struct Job {
    key: JobKey,
    outcome: Rc<OnceCell<Outcome>>,
    work: Box<dyn Task>,
}

impl Jobs {
    /// Returns a handle to the job with this key, if there is one.
    pub(crate) fn join(&self, key: &JobKey) -> Option<JobHandle> {
        let is_same = |job: &&Job| job.key == *key && job.work.is_open();
        let job = self.queue.iter().find(is_same)?;
        let outcome = Rc::clone(&job.outcome);
        Some(JobHandle { outcome })
    }

    /// Begins a job.
    pub(crate) fn begin(&mut self, key: JobKey, work: Box<dyn Task>) -> JobHandle {
        let outcome = Rc::new(OnceCell::new());
        self.queue.push_back(Job {
            key,
            outcome: Rc::clone(&outcome),
            work,
        });
        JobHandle { outcome }
    }

    /// Returns `true` if there are no jobs.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Does a step of the next job. Returns `true` if it was the last, so that waiting requests can
    /// continue.
    pub(crate) fn advance(&mut self, context: &mut JobContext<'_>) -> bool {
        let Some(mut job) = self.queue.pop_front() else {
            return false;
        };
        let is_awaited = Rc::strong_count(&job.outcome) > 1;
        if !is_awaited {
            return false;
        }
        let Some(outcome) = job.work.step(context) else {
            self.queue.push_back(job);
            return false;
        };
        // Only this line sets the result, and the job is then dropped.
        job.outcome.set(outcome).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Policy;
    use crate::site::cache::{Cache, CacheBudget, KeyRef};
    use crate::site::error::LookupError;
    use crate::site::lookup::Digests;
    use crate::site::options::Options;
    use std::cell::RefCell;

    /// A job that records its name with each step.
    #[derive(Debug)]
    struct Steps {
        name: char,
        left: usize,
        diary: Rc<RefCell<String>>,
    }

    impl Task for Steps {
        fn step(&mut self, _: &mut JobContext<'_>) -> Option<Outcome> {
            self.diary.borrow_mut().push(self.name);
            self.left -= 1;
            (self.left == 0).then_some(Err(LookupError::Nothing))
        }
    }

    #[derive(Default)]
    struct Bench {
        jobs: Jobs,
        diary: Rc<RefCell<String>>,
    }

    fn key(name: char) -> JobKey {
        JobKey::Make(KeyRef::of_path(&[name as u8]).into())
    }

    impl Bench {
        fn begin(&mut self, name: char, left: usize) -> JobHandle {
            let diary = Rc::clone(&self.diary);
            let work = Box::new(Steps { name, left, diary });
            self.jobs.begin(key(name), work)
        }

        fn advance(&mut self) -> bool {
            let budget = Rc::new(CacheBudget::new(&Options::default(), 0));
            self.jobs.advance(&mut JobContext {
                cache: &mut Cache::new(&budget),
                policy: &Policy::default(),
                digests: &Digests::new(),
            })
        }

        /// Runs steps until no job is left. Returns the number of jobs done.
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
        assert!(matches!(long.outcome(), Some(Err(LookupError::Nothing))));
        assert!(short.is_done());
    }

    #[test]
    fn requests_join_a_job_in_progress_instead_of_starting_another() {
        let mut bench = Bench::default();
        let first = bench.begin('a', 2);
        assert!(bench.jobs.join(&key('b')).is_none());
        let second = bench.jobs.join(&key('a')).unwrap();
        drop(first);
        assert_eq!(bench.finish(), 1);
        assert_eq!(*bench.diary.borrow(), "aa");
        assert!(second.is_done());
        assert!(
            bench.jobs.join(&key('a')).is_none(),
            "it is under way no more"
        );
    }

    #[test]
    fn jobs_that_nobody_waits_for_are_dropped() {
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
