"""Export tasks: the events of a log group as gzip objects in a bucket of any service that speaks S3.

`tasks` remembers them, `runner` works on them in the background, `layout` says how objects are called and written,
`buckets` sends them.
"""
