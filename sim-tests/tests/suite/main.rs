//! The ground the simulation stands on: the binding, the links, the hosts, and that a seed repeats its run.

mod bytes;
mod conformance;
mod connecting;
mod crashes;
mod ends;
mod hosts;
mod seeds;
mod stage;
mod sweep;
mod weather;
