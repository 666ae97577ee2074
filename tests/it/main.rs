//! The one integration binary. Pure checks need nothing; the rest runs real parts, which `make test` sets up.

mod backlog;
mod commands;
mod contracts;
mod crash_points;
mod dashboards;
mod dependencies;
mod deployment;
mod end_to_end;
mod estimates;
mod evaluate;
mod experiment;
mod layers;
mod malformed;
mod metrics_endpoint;
mod object_store;
mod observability;
mod outage;
mod rebalance;
mod secured;
mod simulation;
mod tools;
mod torture;
mod world;
