"""The definition as a stack of AWS resources, in CloudFormation and Terraform, and what behaves differently there."""
