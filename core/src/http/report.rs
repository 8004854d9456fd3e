use std::{
    fmt,
    time::{Duration, Instant},
};

use ::http::{StatusCode, Version};

use super::Phase;
use crate::rt::Address;

/// The course of a request: every attempt, with where its time went.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub(super) attempts: Vec<Attempt>,
    pub(super) redirects: u32,
}

impl Report {
    /// The attempts, in their order, over all redirects.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// How many redirects were followed.
    pub fn redirects(&self) -> u32 {
        self.redirects
    }

    /// The last attempt: that of the reply, or the one that failed for good.
    pub fn last(&self) -> Option<&Attempt> {
        self.attempts.last()
    }
}

/// One attempt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// Which hop it belongs to: 0, and from 1 after redirects.
    pub hop: u32,
    /// Its number within its hop, from 1.
    pub number: u32,
    /// When it began.
    pub started: Instant,
    /// Where its time went.
    pub timings: Timings,
    /// Whether it was sent on a connection that had been used before.
    pub is_reused: bool,
    /// Whom it was sent to, if it came to that.
    pub peer: Option<Address>,
    /// The version of HTTP it was answered in.
    pub version: Option<Version>,
    /// How it ended.
    pub ending: Ending,
    /// Whether the other side may have carried it out.
    pub may_have_been_sent: bool,
    /// The pause that followed.
    pub pause: Option<Duration>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// With the head of a reply.
    Answered(StatusCode),
    /// In this phase, by an error; the last of them is the error of the request.
    Failed(Phase),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(status) => write!(f, "answered {status}"),
            Self::Failed(phase) => write!(f, "failed, in phase {phase}"),
        }
    }
}

/// Where the time of an attempt went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timings {
    /// Waiting for a quota and a connection.
    pub queue: Duration,
    /// Looking the host up; zero on a connection that was there.
    pub dns: Duration,
    /// Connecting; zero on a connection that was there.
    pub connect: Duration,
    /// Shaking hands for TLS; zero on a connection that was there.
    pub tls: Duration,
    /// From the begin of sending to the head of the reply.
    pub first_byte: Duration,
    /// From the begin of the attempt to its end: the end of the body, once it was read by
    /// [`chunk`](super::Response::chunk), or that of the head.
    pub total: Duration,
}
