package cloze.nn;

/** The kind of a parameter, for the optimiser. The order is that of the flat buffers. */
public enum Role {
    /** A weight of two dimensions inside the network: decayed, updated by Muon if it is used. */
    MATRIX,
    /** An embedding, position table or output head: decayed. */
    TABLE,
    /** A bias or the weight of a norm: one dimension, not decayed. */
    VECTOR
}
