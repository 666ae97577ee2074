//! The one integration binary. Pure checks need nothing; the rest runs real parts, which `make test` sets up.

mod contracts;
mod dashboards;
mod dependencies;
mod deployment;
mod layers;
mod observability;
mod simulation;
mod tools;
