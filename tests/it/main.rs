mod metrics_oracle;
mod oracle;
