//! The weather: each kind of fault does what it says, for as long as it lasts, and nothing else.

mod chatty;
