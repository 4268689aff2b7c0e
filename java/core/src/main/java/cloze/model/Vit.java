package cloze.model;

import cloze.autograd.Tape;
import cloze.nn.FirstQuery;
import cloze.nn.GridPositions;
import cloze.nn.HostValues;
import cloze.nn.Init;
import cloze.nn.Linear;
import cloze.nn.Norm;
import cloze.nn.ParameterSource;
import cloze.nn.Role;
import cloze.nn.Stack;
import cloze.nn.Transformer;
import cloze.op.GatherTokens;
import cloze.op.Heads;
import cloze.op.MeanPool;
import cloze.op.Patchify;
import cloze.op.RestoreTokens;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The vision transformer: patches of an image as tokens behind a class token. Names of parameters are those of timm.
 *
 * <p>The class token and its position are one parameter, their sum.
 *
 * @see <a href="https://arxiv.org/abs/2010.11929">Dosovitskiy et al. 2020, section 3.1</a>
 */
public final class Vit implements VisionEncoder {
    static final Init TOKEN = Init.normal(0.02);

    /** Name of learned positions. */
    public static final String POSITIONS = "pos_embed";

    /** Name of the norm behind the pooling. */
    public static final String POOLED_NORM = "fc_norm";

    /** The class token, which is never hidden. */
    static final int LEAD = 1;

    private final VitConfig config;
    private final Linear patchEmbed;
    private final Tensor classToken;
    private final GridPositions positions;
    private final Transformer blocks;
    private final @Nullable Norm pooledNorm;

    public Vit(VitConfig config, ParameterSource p) {
        this(config, p, true, 0);
    }

    /**
     * An encoder whose norm is {@value #POOLED_NORM}, behind the pooling, as fine-tuning leaves it.
     *
     * @see <a href="https://arxiv.org/abs/2111.06377">He et al. 2021, appendix A.1</a>
     */
    public static Vit withPooledNorm(VitConfig config, ParameterSource p) {
        Stack stack = config.stack();
        return new Vit(
                config,
                p,
                false,
                0,
                source -> Norm.of(source.in(POOLED_NORM), Norm.Kind.LAYER, stack.width(), stack.epsilon()));
    }

    /**
     * Makes an encoder for a classifier.
     *
     * @param norm true for a norm after the last block
     * @param dropPath of the last block; it grows linearly from 0 at the first
     */
    Vit(VitConfig config, ParameterSource p, boolean norm, double dropPath) {
        this(config, p, norm, dropPath, _ -> null);
    }

    private Vit(
            VitConfig config,
            ParameterSource p,
            boolean norm,
            double dropPath,
            Function<ParameterSource, @Nullable Norm> pooledNorm) {
        this.config = config;
        int d = config.stack().width();
        patchEmbed = Transformer.linear(p.in("patch_embed.proj"), config.pixels(), d);
        classToken = p.parameter("cls_token", new Shape(d), Role.VECTOR, TOKEN);
        positions = new GridPositions(p, POSITIONS, 0, config.grid(), config.stack());
        blocks = new Transformer(p, "blocks", norm ? "norm" : null, config.stack(), dropPath);
        this.pooledNorm = pooledNorm.apply(p);
    }

    public VitConfig config() {
        return config;
    }

    /**
     * The patches of a batch of images.
     *
     * @param images [B, H, W, C] row by row, normalised
     * @return [B, N, P P C]
     */
    public Tensor patches(Tape tape, float[] images) {
        int side = config.image();
        int b = images.length / (side * side * config.channels());
        Tensor x = HostValues.real(tape, "images", images, b, side, side, config.channels());
        return tape.apply(new Patchify(x, config.patch()));
    }

    /**
     * The tokens of patches before positions are added, {@code patches E}.
     *
     * @param patches [B, N, P P C]
     * @return [B, N, D]
     */
    Tensor embed(Tape tape, Tensor patches) {
        return patchEmbed.forward(tape, patches);
    }

    /** @param tokens [B, N, D] */
    Tensor place(Tape tape, Tensor tokens) {
        return positions.add(tape, tokens);
    }

    /**
     * The blocks over tokens with positions added.
     *
     * @param tokens [B, M, D]
     * @return [B, 1 + M, D], the class token first
     */
    Tensor encode(Tape tape, Tensor tokens) {
        return blocks.forward(tape, withClassToken(tape, tokens));
    }

    private Tensor withClassToken(Tape tape, Tensor tokens) {
        int m = tokens.shape().extent(1);
        // index m is none of the m tokens, so that the class token comes in its place
        Tensor order = HostValues.ids(tape, "class token first", tokens, LEAD + m, i -> i < LEAD ? m : i - LEAD);
        return tape.apply(new RestoreTokens(tokens, classToken, order));
    }

    /**
     * Some patches, each at its own position.
     *
     * @param idsKeep [B, M] i32
     * @return [B, 1 + M, D], the class token first
     */
    public Tensor encode(Tape tape, Tensor patches, Tensor idsKeep) {
        Tensor kept = tape.apply(new GatherTokens(patches, idsKeep)); // [B, M, P P C]: no work for hidden patches
        return encode(tape, positions.add(tape, embed(tape, kept), idsKeep));
    }

    /** The mean of the patches' tokens of whole images, [B, D]. */
    public Tensor features(Tape tape, Tensor patches) {
        return features(tape, patches, Pooling.MEAN);
    }

    /** @return [B, D] */
    public Tensor features(Tape tape, Tensor patches, Pooling pooling) {
        Tensor tokens = encode(tape, place(tape, embed(tape, patches)));
        Tensor pooled = switch (pooling) {
            case MEAN -> behindClassToken(tape, tokens);
            case CLASS_TOKEN ->
                tape.apply(new GatherTokens(tokens, HostValues.ids(tape, "the class token", tokens, LEAD, i -> i)));
        };
        Tensor mean = tape.apply(new MeanPool(pooled, null));
        return pooledNorm == null
                ? mean
                : pooledNorm.forward(tape, new Norm.Residual(mean, null)).y();
    }

    @Override
    public Tensor features(Tape tape, float[] images, Pooling pooling) {
        return features(tape, patches(tape, images), pooling);
    }

    @Override
    public int width() {
        return config.stack().width();
    }

    @Override
    public int side() {
        return config.image();
    }

    @Override
    public int channels() {
        return config.channels();
    }

    @Override
    public int heads() {
        return config.stack().heads();
    }

    @Override
    public float[] classAttention(Tape tape, float[] images) {
        Tensor qkv = blocks.lastQkv(tape, withClassToken(tape, place(tape, embed(tape, patches(tape, images)))));
        Stack stack = config.stack();
        Heads heads = Heads.of(stack.heads(), stack.width() / stack.heads());
        int n = config.patches();
        float[] all = FirstQuery.probabilities(tape.backend().floats(qkv), LEAD + n, heads);
        var patches = new float[all.length / (LEAD + n) * n];
        for (int row = 0; row < patches.length / n; row++) {
            System.arraycopy(all, row * (LEAD + n) + LEAD, patches, row * n, n);
        }
        return patches;
    }

    /** @param tokens [B, 1 + N, D] */
    Tensor behindClassToken(Tape tape, Tensor tokens) {
        int n = config.patches();
        Tensor ids = HostValues.ids(tape, "behind the class token", tokens, n, i -> LEAD + i);
        return tape.apply(new GatherTokens(tokens, ids));
    }
}
