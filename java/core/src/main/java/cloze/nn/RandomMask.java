package cloze.nn;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;

/**
 * Which patches of each image are hidden: every patch draws a number, the M smallest are kept. Positions count from
 * {@code lead}, the tokens before the patches that are never hidden, such as a class token.
 *
 * @param idsKeep [B, M] i32, the kept patches, smallest number first
 * @param idsRestore [B, lead + N] i32: where a token stands among {@code lead} and kept ones, {@code lead + M} or more if
 *     it is hidden
 * @param mask [B, N] i32, 1 is hidden
 * @see <a href="https://arxiv.org/abs/2111.06377">He et al. 2021, section 3</a>
 */
public record RandomMask(Tensor idsKeep, Tensor idsRestore, Tensor mask) {
    /**
     * Patch i of image b draws number {@code (b n + i) % 4} of counter {@code (b n + i) / 4}; the smaller index is first
     * where two are equal in their upper 24 bits.
     */
    public interface Draw {
        void call(
                Tensor idsKeep,
                Tensor idsRestore,
                Tensor mask,
                long b,
                long n,
                long m,
                long lead,
                long seed,
                long offset);
    }

    /** How many of {@code patches} are kept, as in the paper's code: rounded down, but one at least. */
    public static int kept(int patches, double ratio) {
        if (!(ratio >= 0 && ratio <= 0.95)) {
            throw new IllegalArgumentException("the ratio of hidden patches must be in [0, 0.95], but it is " + ratio);
        }
        return Math.max(1, (int) (patches * (1 - ratio)));
    }

    /** @param offset differs between steps */
    public static RandomMask draw(Tape tape, int images, int patches, int kept, int lead, long seed, long offset) {
        Backend backend = tape.backend();
        Scope scope = tape.scope();
        var drawn = new RandomMask(
                scope.tensor("ids_keep", new Shape(images, kept), DType.I32),
                scope.tensor("ids_restore", new Shape(images, lead + patches), DType.I32),
                scope.tensor("mask", new Shape(images, patches), DType.I32));
        backend.kernel(Draw.class)
                .call(drawn.idsKeep, drawn.idsRestore, drawn.mask, images, patches, kept, lead, seed, offset);
        return drawn;
    }
}
