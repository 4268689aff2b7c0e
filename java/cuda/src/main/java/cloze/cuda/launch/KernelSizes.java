package cloze.cuda.launch;

/** The numbers of one call of a kernel, by the names of the parameters in its Java interface. */
public final class KernelSizes {
    private final Signature signature;
    private final long[] slots;
    private long asked;

    KernelSizes(Signature signature, long[] slots) {
        this.signature = signature;
        this.slots = slots;
    }

    public long of(String name) {
        int place = signature.place(name, Signature.WHOLE);
        asked |= 1L << place;
        return slots[place];
    }

    public long product(String... factors) {
        long product = 1;
        for (String factor : factors) {
            product = Math.multiplyExact(product, of(factor));
        }
        return product;
    }

    /** Bit i is set if the i-th parameter was asked for: the result of a computation with these sizes depends on no other. */
    long asked() {
        return asked;
    }
}
