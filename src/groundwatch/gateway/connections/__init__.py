"""What HTTP integrations connect with: VPC links, and the client certificates of stages."""
