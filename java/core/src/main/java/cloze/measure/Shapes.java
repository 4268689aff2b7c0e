package cloze.measure;

import java.util.List;
import java.util.Locale;

/** The sizes at which kernels and steps are measured. */
public enum Shapes {
    /** Sizes that fill a large GPU: activations of GPT-2 and of masked autoencoders, beyond its caches. */
    GPU(1 << 28, 1 << 21, 4096, 8192) {
        @Override
        public List<Subject> kernels() {
            return KernelTable.gpu();
        }

        @Override
        public List<StepCase<?, ?>> steps() {
            return StepCase.of(true);
        }
    },
    /** Those of small models on a few cores. */
    CPU(1 << 25, 1 << 16, 8192, 1024) {
        @Override
        public List<Subject> kernels() {
            return KernelTable.cpu();
        }

        @Override
        public List<StepCase<?, ?>> steps() {
            return StepCase.of(false);
        }
    },
    /** Sizes small enough for emulated kernels: to try the command, not for published numbers. */
    TOY(1 << 12, 1 << 10, 4, 64) {
        @Override
        public List<Subject> kernels() {
            return KernelTable.toy();
        }

        @Override
        public List<StepCase<?, ?>> steps() {
            return StepCase.tiny();
        }
    };

    /** Floats of the arrays that bandwidth is measured on. */
    final int copied;

    /** Chains of multiply-adds, and links of each. */
    final int chains;

    final int links;

    /** Side of the square matrix multiplication that measures the peak. */
    final int side;

    Shapes(int copied, int chains, int links, int side) {
        this.copied = copied;
        this.chains = chains;
        this.links = links;
        this.side = side;
    }

    public abstract List<Subject> kernels();

    public abstract List<StepCase<?, ?>> steps();

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
