package cloze.nn;

/** What a parameter is to the optimiser; the order is that of the flat buffers. */
public enum Role {
    /** A weight of two dimensions inside the network: decayed, and what Muon is for. */
    MATRIX,
    /** An embedding, position table or output head: decayed. */
    TABLE,
    /** A bias or the weight of a norm: one dimension, not decayed. */
    VECTOR
}
