//! The one integration binary. Pure checks need nothing; the rest runs real parts, which `make test` sets up.

mod contracts;
mod end_to_end;
mod layers;
mod simulation;
mod world;
