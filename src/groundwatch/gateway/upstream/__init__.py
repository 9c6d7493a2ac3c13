"""AWS services elsewhere: where they are, with which credentials they are called, and which log groups are theirs."""
