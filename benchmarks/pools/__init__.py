"""A study for programs to judge over HTTP, and what became of it; `pool_over_http` measures it."""
