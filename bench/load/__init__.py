"""Load benchmarks of millpond and its peers, with the Python standard library and wrk.

`bench/run` measures and reports, `bench/syscalls` and `bench/instructions` look closer at
millpond alone. The modules, each above what it may import:

    report                     tables, JSON, the marked parts of a page
    measure, memory, fairness  what is measured, with its checks
    scenarios                  the requests: a table
    wrk, http                  the clients: one for load, one for correctness
    servers                    how each peer is configured and started
    site, processes            the files served; processor time, memory and cores of processes
"""
