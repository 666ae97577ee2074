//! The one integration binary. Pure checks need nothing; the rest runs real parts, which `make test` sets up.

mod backlog;
mod canary;
mod checkpoints;
mod commands;
mod compact;
mod contracts;
mod corpus;
mod dashboards;
mod dependencies;
mod deployment;
mod end_to_end;
mod estimates;
mod evaluate;
mod experiment;
mod kubernetes;
mod layers;
mod malformed;
mod metrics_endpoint;
mod object_store;
mod observability;
mod rebalance;
mod secured;
mod simulation;
mod store_faults;
mod tools;
mod world;
