package cloze.model;

import cloze.autograd.Tape;
import cloze.nn.BlockMask;
import cloze.nn.Linear;
import cloze.nn.ParameterSource;
import cloze.nn.RandomMask;
import cloze.nn.Role;
import cloze.nn.Transformer;
import cloze.op.GatherTokens;
import cloze.op.MaskedL1;
import cloze.op.RestoreTokens;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;

/**
 * The simple framework for masked image modelling: mask tokens in the place of hidden patches go through the encoder with
 * the others, one linear layer predicts pixels, and the loss is the mean absolute error of the hidden ones.
 *
 * @see <a href="https://arxiv.org/abs/2111.09886">Xie et al. 2021, section 3</a>
 */
public final class SimMim implements MaskedImageModel {
    private final SimMimConfig config;
    private final Vit encoder;
    private final Tensor maskToken;
    private final Linear decoder;

    public SimMim(SimMimConfig config, ParameterSource p) {
        this.config = config;
        int d = config.encoder().stack().width();
        encoder = new Vit(config.encoder(), p);
        maskToken = p.parameter("mask_token", new Shape(d), Role.VECTOR, Vit.TOKEN);
        decoder = Transformer.linear(p.in("decoder"), d, config.encoder().pixels());
    }

    public SimMimConfig config() {
        return config;
    }

    @Override
    public Vit encoder() {
        return encoder;
    }

    @Override
    public int hidden() {
        return config.hidden();
    }

    @Override
    public boolean normalizes() {
        return false;
    }

    @Override
    public RandomMask mask(Tape tape, int images, long seed, long offset) {
        int grid = config.encoder().grid();
        return BlockMask.draw(tape, images, grid, config.square(), config.ratio(), seed, offset);
    }

    @Override
    public List<Tensor> losses(Tape tape, Tensor patches, RandomMask mask) {
        return tape.applyAll(new MaskedL1(predict(tape, patches, mask), patches, mask.mask()));
    }

    @Override
    public Tensor predict(Tape tape, Tensor patches, RandomMask mask) {
        Tensor kept = tape.apply(new GatherTokens(patches, mask.idsKeep())); // [B, M, P P C]
        Tensor seen = encoder.embed(tape, kept); // [B, M, D]
        Tensor tokens = tape.apply(new RestoreTokens(seen, maskToken, mask.idsRestore())); // [B, N, D]
        Tensor latent = encoder.encode(tape, encoder.place(tape, tokens)); // [B, 1 + N, D]
        return decoder.forward(tape, encoder.behindClassToken(tape, latent));
    }
}
