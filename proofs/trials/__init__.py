"""What ``proofs.faults`` and ``proofs.histories`` are made of.

``corpus`` makes and changes small raw folders, ``runs`` runs in processes that are thrown away, ``shim`` lets a call
that changes the disk fail, ``trial`` is one run with a fault and what must hold after it, ``processes`` and ``prefect``
are scenarios.
"""
