//! The weather: each kind of fault does what it says, for as long as it lasts, and nothing else.

mod bytes;
mod chatty;
mod cuts;
mod engines;
mod exchanges;
mod hosts;
mod lives;
mod play;
mod scenarios;
mod ways_in;
